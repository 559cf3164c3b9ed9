//! From a struct or an enum to its implementations.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Data, DataEnum, DeriveInput, Error, Fields, GenericParam, Generics, Ident, Result, Type,
    WherePredicate, parse_quote,
};

use crate::attributes::TypeAttributes;
use crate::body::Body;

/// A struct, or a variant of an enum.
struct Shape<'a> {
    /// `Self` or `Self::Variant`.
    path: TokenStream,
    /// An expression for its name; `None` if it bears that of the module it stands for.
    name: Option<TokenStream>,
    body: Body<'a>,
}

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = TypeAttributes::parse(&input.attrs, false)?;
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let text = "a module owns what it holds: it cannot have a lifetime";
        return Err(Error::new_spanned(lifetime, text));
    }
    let shapes = match &input.data {
        Data::Struct(data) => vec![of_struct(&input.ident, &attributes, &data.fields)?],
        Data::Enum(data) => of_enum(&input.ident, &attributes, data)?,
        Data::Union(data) => {
            let text = "a union cannot be a module: derive it for a struct or an enum";
            return Err(Error::new_spanned(data.union_token, text));
        }
    };
    let mut generics = input.generics.clone();
    for shape in &shapes {
        bound(&mut generics, &shape.body);
    }
    Ok(implementations(
        &input.ident,
        &generics,
        &attributes,
        &shapes,
    ))
}

fn of_struct<'a>(
    ident: &Ident,
    attributes: &TypeAttributes,
    fields: &'a Fields,
) -> Result<Shape<'a>> {
    let mut body = Body::parse(fields)?;
    if let Some(span) = attributes.transparent {
        body.wraps = true;
        match body.wrapped().map(|field| &field.attributes) {
            None => return Err(Error::new(span, "there is no field to stand for the whole")),
            Some(a) if a.rename.is_some() || a.show_none => {
                let text = "the first field stands for the whole: it has no name in the tree";
                return Err(Error::new(span, text));
            }
            Some(_) => {}
        }
    }
    Ok(Shape {
        path: quote!(Self),
        name: Some(attributes.name(ident)),
        body,
    })
}

fn of_enum<'a>(
    ident: &Ident,
    attributes: &TypeAttributes,
    data: &'a DataEnum,
) -> Result<Vec<Shape<'a>>> {
    if attributes.name.is_some() || attributes.version.is_some() || attributes.collapses {
        let text = "an enum bears the name and version of its variant's module";
        return Err(Error::new_spanned(ident, text));
    }
    if let Some(span) = attributes.transparent {
        let text = "a variant around one module is transparent by itself";
        return Err(Error::new(span, text));
    }
    if data.variants.is_empty() {
        let text = "an enum without variants has no values that could be modules";
        return Err(Error::new_spanned(ident, text));
    }
    let shapes = data.variants.iter().map(|variant| {
        let mut body = Body::parse(&variant.fields)?;
        body.wraps = matches!(&variant.fields, Fields::Unnamed(f) if f.unnamed.len() == 1)
            && !body.fields[0].attributes.skip;
        let ident = &variant.ident;
        let name = TypeAttributes::parse(&variant.attrs, true)?.name(ident);
        Ok(Shape {
            path: quote!(Self::#ident),
            name: (!body.wraps).then_some(name),
            body,
        })
    });
    shapes.collect()
}

/// Bounds the type parameters as far as the fields need it.
fn bound(generics: &mut Generics, body: &Body) {
    let parameters: Vec<Ident> = generics.type_params().map(|p| p.ident.clone()).collect();
    if parameters.is_empty() {
        return;
    }
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!('static));
    }
    let mut predicates = Vec::<WherePredicate>::new();
    if let Some(field) = body.wrapped() {
        let ty = field.module_type();
        if mentions(ty, &parameters) {
            predicates.push(parse_quote!(#ty: ::pleach::__derive::Module));
        }
    }
    for field in &body.fields {
        let ty = field.ty;
        if mentions(ty, &parameters) {
            predicates.push(match field.attributes.skip {
                true => parse_quote!(#ty: ::core::clone::Clone + ::core::marker::Send + ::core::marker::Sync),
                false => parse_quote!(#ty: ::pleach::__derive::Field),
            });
        }
    }
    generics.make_where_clause().predicates.extend(predicates);
}

fn mentions(ty: &Type, parameters: &[Ident]) -> bool {
    fn any(tokens: TokenStream, parameters: &[Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => parameters.contains(&ident),
            TokenTree::Group(group) => any(group.stream(), parameters),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        })
    }
    any(ty.to_token_stream(), parameters)
}

/// `match self`, with what `value` gives for each shape.
fn each(shapes: &[Shape], value: impl Fn(&Shape) -> TokenStream) -> TokenStream {
    let arms = shapes.iter().map(|shape| {
        let (path, pattern, value) = (&shape.path, shape.body.pattern(), value(shape));
        quote!(#path #pattern => { #value })
    });
    quote! {
        #[allow(unused_variables)]
        match self { #(#arms)* }
    }
}

/// `Module::wrapped` and `Module::wrapped_mut`, if a shape stands for another module.
fn wrapped_methods(shapes: &[Shape]) -> Option<TokenStream> {
    if !shapes.iter().any(|shape| shape.body.wraps) {
        return None;
    }
    let wrapped = |mutable| {
        each(shapes, |shape| match shape.body.wrapped() {
            Some(field) => {
                let module = field.as_module(mutable);
                quote!(::core::option::Option::Some(#module))
            }
            None => quote!(::core::option::Option::None),
        })
    };
    let (wrapped, wrapped_mut) = (wrapped(false), wrapped(true));
    let module = quote!(::pleach::__derive::Module);
    Some(quote! {
        fn wrapped(&self) -> ::core::option::Option<&dyn #module> { #wrapped }
        fn wrapped_mut(&mut self) -> ::core::option::Option<&mut dyn #module> { #wrapped_mut }
    })
}

/// `Module::extra_repr`, if the type says that it has an inherent one.
fn extra_repr_method(attributes: &TypeAttributes) -> Option<TokenStream> {
    let span = attributes.extra_repr?;
    // Without an inherent method this would call itself: then it must not compile.
    Some(quote_spanned! {span=>
        #[deny(unconditional_recursion)]
        fn extra_repr(&self) -> ::std::string::String {
            Self::extra_repr(self)
        }
    })
}

/// `Module::refused_entries`, in the same way.
fn refused_entries_method(attributes: &TypeAttributes) -> Option<TokenStream> {
    let span = attributes.refused_entries?;
    Some(quote_spanned! {span=>
        #[deny(unconditional_recursion)]
        fn refused_entries(
            &self,
            saved: ::core::option::Option<::core::primitive::u64>,
            found: &mut dyn ::core::ops::FnMut(
                &[&::core::primitive::str],
            ) -> ::core::option::Option<::std::string::String>,
        ) -> ::core::option::Option<::std::string::String> {
            Self::refused_entries(self, saved, found)
        }
    })
}

fn implementations(
    ident: &Ident,
    generics: &Generics,
    attributes: &TypeAttributes,
    shapes: &[Shape],
) -> TokenStream {
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let visit = each(shapes, |shape| shape.body.visit(false));
    let visit_mut = each(shapes, |shape| shape.body.visit(true));
    let node = each(shapes, |shape| shape.body.node());
    let type_name = each(shapes, |shape| match (&shape.name, shape.body.wrapped()) {
        (None, Some(field)) => {
            let module = field.as_module(false);
            quote!(::pleach::__derive::Module::type_name(#module))
        }
        (name, _) => quote!(#name),
    });
    let duplicate = each(shapes, |shape| {
        let (path, body) = (&shape.path, shape.body.duplicate());
        quote!(#path #body)
    });
    let has_share = shapes.iter().all(|shape| shape.body.has_identity());
    let extra_repr = extra_repr_method(attributes);
    let refused_entries = refused_entries_method(attributes);
    let version = attributes
        .version
        .map(|version| quote!(fn version(&self) -> u64 { #version }));
    let collapses = attributes.collapses.then(|| {
        quote!(
            fn collapses(&self) -> bool {
                true
            }
        )
    });
    let wrapped = wrapped_methods(shapes);
    let share_method = has_share.then(|| {
        quote! {
            /// The same module under another name: parameters, buffers, settings and identity
            /// are one.
            #[doc(alias = "clone")]
            #[allow(dead_code)]
            pub fn share(&self) -> Self {
                ::pleach::__derive::Field::duplicate(
                    self,
                    &mut ::pleach::__derive::Duplication::alias(),
                )
            }
        }
    });

    let debug = attributes.debug.then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics ::core::fmt::Debug for #ident #ty_generics #where_clause {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    ::core::fmt::Display::fmt(self, f)
                }
            }
        }
    });

    let has_mode = has_share.then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics ::pleach::__derive::HasMode for #ident #ty_generics #where_clause {}
        }
    });

    let lifetime = GenericParam::Lifetime(syn::LifetimeParam::new(syn::Lifetime::new(
        "'pleach",
        Span::mixed_site(),
    )));
    quote! {
        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #impl_generics ::pleach::__derive::Module for #ident #ty_generics #where_clause {
            #[allow(unused_variables)]
            fn visit<#lifetime>(
                &#lifetime self,
                v: &mut dyn ::core::ops::FnMut(&::core::primitive::str, ::pleach::__derive::Member<#lifetime>),
            ) {
                #visit
            }
            #[allow(unused_variables)]
            fn visit_mut<#lifetime>(
                &#lifetime mut self,
                v: &mut dyn ::core::ops::FnMut(&::core::primitive::str, ::pleach::__derive::MemberMut<#lifetime>),
            ) {
                #visit_mut
            }
            fn type_name(&self) -> &'static ::core::primitive::str {
                #type_name
            }
            #[allow(unused_variables)]
            fn node(&self) -> ::core::option::Option<&::pleach::__derive::Node> {
                #node
            }
            #extra_repr
            #refused_entries
            #version
            #collapses
            #wrapped
        }

        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #impl_generics ::pleach::__derive::Field for #ident #ty_generics #where_clause {
            fn visit_field<#lifetime>(
                &#lifetime self,
                name: &::core::primitive::str,
                v: &mut dyn ::core::ops::FnMut(&::core::primitive::str, ::pleach::__derive::Member<#lifetime>),
            ) {
                v(name, ::pleach::__derive::Member::Child(self));
            }
            fn visit_field_mut<#lifetime>(
                &#lifetime mut self,
                name: &::core::primitive::str,
                v: &mut dyn ::core::ops::FnMut(&::core::primitive::str, ::pleach::__derive::MemberMut<#lifetime>),
            ) {
                v(name, ::pleach::__derive::MemberMut::Child(::core::convert::Into::into(self)));
            }
            #[allow(unused_variables)]
            fn duplicate(&self, how: &mut ::pleach::__derive::Duplication) -> Self {
                #duplicate
            }
        }

        #has_mode

        #debug

        #[automatically_derived]
        impl #impl_generics ::core::fmt::Display for #ident #ty_generics #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(::pleach::__derive::AsModule::as_module(self), f)
            }
        }

        #[automatically_derived]
        impl #impl_generics #ident #ty_generics #where_clause {
            #share_method
            /// A module with equal values and parameters of its own; what is shared inside stays
            /// shared inside the copy.
            #[doc(alias = "clone")]
            #[allow(dead_code)]
            pub fn deep_copy(&self) -> Self {
                ::pleach::__derive::Field::duplicate(
                    self,
                    &mut ::pleach::__derive::Duplication::copy(),
                )
            }
        }
    }
}
