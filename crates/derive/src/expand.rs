//! From a struct or an enum to its implementations.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Data, DeriveInput, Fields, GenericArgument, GenericParam, Generics, Ident, PathArguments,
    Result, Type, WherePredicate, parse_quote,
};

use crate::attributes::TypeAttributes;
use crate::body::Body;

/// The bodies of the generated methods.
struct Methods {
    visit: TokenStream,
    visit_mut: TokenStream,
    type_name: TokenStream,
    node: TokenStream,
    extra_repr: TokenStream,
    /// What only an enum of modules has.
    more: TokenStream,
    /// How a field of this type shows itself: as a child, or as the module it wraps.
    visit_field: TokenStream,
    visit_field_mut: TokenStream,
    share: TokenStream,
    copy: TokenStream,
    has_share: bool,
}

pub fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let attributes = TypeAttributes::parse(&input.attrs, false)?;
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let text = "a module owns what it holds: it cannot have a lifetime";
        return Err(syn::Error::new_spanned(lifetime, text));
    }
    let mut generics = input.generics.clone();
    let methods = match &input.data {
        Data::Struct(data) => {
            let body = Body::parse(&data.fields)?;
            bound(&mut generics, &body);
            of_struct(&input.ident, &attributes, &body)
        }
        Data::Enum(data) => {
            if attributes.name.is_some() || attributes.version.is_some() {
                let text = "an enum bears the name and version of its variant's module";
                return Err(syn::Error::new_spanned(&input.ident, text));
            }
            let mut variants = Vec::new();
            for variant in &data.variants {
                let body = Body::parse(&variant.fields)?;
                bound(&mut generics, &body);
                let attributes = TypeAttributes::parse(&variant.attrs, true)?;
                variants.push(Variant {
                    ident: &variant.ident,
                    name: attributes.name(&variant.ident),
                    wraps: matches!(&variant.fields, Fields::Unnamed(f) if f.unnamed.len() == 1)
                        && !body.fields[0].attributes.skip,
                    body,
                });
            }
            if variants.is_empty() {
                let text = "an enum without variants has no values that could be modules";
                return Err(syn::Error::new_spanned(&input.ident, text));
            }
            of_enum(&attributes, &variants)
        }
        Data::Union(data) => {
            let text = "a union cannot be a module: derive it for a struct or an enum";
            return Err(syn::Error::new_spanned(data.union_token, text));
        }
    };
    Ok(implementations(
        &input.ident,
        &generics,
        &attributes,
        &methods,
    ))
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

fn of_struct(ident: &Ident, attributes: &TypeAttributes, body: &Body) -> Methods {
    let name = attributes.name(ident);
    let pattern = body.pattern();
    let open = quote!(let Self #pattern = self;);
    let (visit, visit_mut) = (body.visit(false), body.visit(true));
    let (node, share, copy) = (body.node(), body.rebuild(false), body.rebuild(true));
    Methods {
        visit: quote!(#open #visit),
        visit_mut: quote!(#open #visit_mut),
        type_name: quote!(#name),
        node: quote!(#open #node),
        extra_repr: extra_repr_method(attributes).unwrap_or_default(),
        more: TokenStream::new(),
        visit_field: quote!(v(name, ::pleach::__derive::Member::Child(self));),
        visit_field_mut: quote!(v(name, ::pleach::__derive::MemberMut::Child(self));),
        share: quote!(#open Self #share),
        copy: quote!(#open Self #copy),
        has_share: body.has_node(),
    }
}

struct Variant<'a> {
    ident: &'a Ident,
    name: TokenStream,
    /// Whether it has one field, a module, and stands for it.
    wraps: bool,
    body: Body<'a>,
}

impl Variant<'_> {
    /// An expression for the wrapped module as a trait object, of the type that `method` of
    /// `AsModule` gives.
    fn wrapped(&self, mutable: bool) -> Option<TokenStream> {
        let field = self.body.fields.first().filter(|_| self.wraps)?;
        let (variable, ty) = (&field.variable, boxed(field.ty).unwrap_or(field.ty));
        let is_boxed = boxed(field.ty).is_some();
        Some(match (mutable, is_boxed) {
            (false, false) => quote!(<#ty as ::pleach::__derive::AsModule>::as_module(#variable)),
            (false, true) => quote!(<#ty as ::pleach::__derive::AsModule>::as_module(&**#variable)),
            (true, false) => {
                quote!(<#ty as ::pleach::__derive::AsModule>::as_module_mut(#variable))
            }
            (true, true) => {
                quote!(<#ty as ::pleach::__derive::AsModule>::as_module_mut(&mut **#variable))
            }
        })
    }
}

/// `T` of a `Box<T>`: a box is no module itself.
fn boxed(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|s| s.ident == "Box")?;
    match &last.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first()? {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        },
        _ => None,
    }
}

/// `match self`, with what a wrapped module gives, or else the fields.
fn each(
    variants: &[Variant],
    mutable: bool,
    wrapped: impl Fn(TokenStream) -> TokenStream,
    own: impl Fn(&Variant) -> TokenStream,
) -> TokenStream {
    let arms = variants.iter().map(|variant| {
        let (ident, pattern) = (variant.ident, variant.body.pattern());
        let value = match variant.wrapped(mutable) {
            Some(module) => wrapped(module),
            None => own(variant),
        };
        quote!(Self::#ident #pattern => { #value })
    });
    quote! {
        #[allow(unused_variables)]
        match self { #(#arms)* }
    }
}

fn of_enum(attributes: &TypeAttributes, variants: &[Variant]) -> Methods {
    let module = quote!(::pleach::__derive::Module);
    let some = |x| quote!(::core::option::Option::Some(#x));
    let none = |_: &Variant| quote!(::core::option::Option::None);
    let wrapped = each(variants, false, some, none);
    let wrapped_mut = each(variants, true, some, none);
    let rebuild = |deep: bool| {
        let arms = variants.iter().map(|variant| {
            let (ident, pattern) = (variant.ident, variant.body.pattern());
            let value = variant.body.rebuild(deep);
            quote!(Self::#ident #pattern => Self::#ident #value)
        });
        quote!(match self { #(#arms),* })
    };
    let extra_repr = extra_repr_method(attributes).unwrap_or_else(|| {
        let text = each(
            variants,
            false,
            |x| quote!(#module::extra_repr(#x)),
            |_| quote!(::std::string::String::new()),
        );
        quote!(fn extra_repr(&self) -> ::std::string::String { #text })
    });
    let version = each(
        variants,
        false,
        |x| quote!(#module::version(#x)),
        |_| quote!(1),
    );
    Methods {
        visit: each(
            variants,
            false,
            |x| quote!(#module::visit(#x, v)),
            |variant| variant.body.visit(false),
        ),
        visit_mut: each(
            variants,
            true,
            |x| quote!(#module::visit_mut(#x, v)),
            |variant| variant.body.visit(true),
        ),
        type_name: each(
            variants,
            false,
            |x| quote!(#module::type_name(#x)),
            |variant| variant.name.clone(),
        ),
        node: each(
            variants,
            false,
            |x| quote!(#module::node(#x)),
            |variant| variant.body.node(),
        ),
        extra_repr,
        more: quote! {
            fn version(&self) -> ::core::primitive::u64 { #version }
            fn wrapped(&self) -> ::core::option::Option<&dyn #module> { #wrapped }
            fn wrapped_mut(&mut self) -> ::core::option::Option<&mut dyn #module> { #wrapped_mut }
        },
        // `as_module` gives the wrapped module, or else the enum itself.
        visit_field: quote! {
            let module = ::pleach::__derive::AsModule::as_module(self);
            v(name, ::pleach::__derive::Member::Child(module));
        },
        visit_field_mut: quote! {
            let module = ::pleach::__derive::AsModule::as_module_mut(self);
            v(name, ::pleach::__derive::MemberMut::Child(module));
        },
        share: rebuild(false),
        copy: rebuild(true),
        // An alias of the variant's module.
        has_share: variants.iter().all(|variant| variant.wraps),
    }
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

fn implementations(
    ident: &Ident,
    generics: &Generics,
    attributes: &TypeAttributes,
    methods: &Methods,
) -> TokenStream {
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let Methods {
        visit,
        visit_mut,
        type_name,
        node,
        extra_repr,
        more,
        visit_field,
        visit_field_mut,
        share,
        copy,
        has_share,
    } = methods;
    let version = attributes
        .version
        .map(|version| quote!(fn version(&self) -> u64 { #version }));
    let share_method = has_share.then(|| {
        quote! {
            /// The same module under another name: parameters, buffers, settings and identity
            /// are one.
            #[allow(dead_code)]
            pub fn share(&self) -> Self {
                ::pleach::__derive::Field::share_field(self)
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
            #version
            #more
        }

        #[automatically_derived]
        #[diagnostic::do_not_recommend]
        impl #impl_generics ::pleach::__derive::Field for #ident #ty_generics #where_clause {
            fn has_members() -> bool {
                true
            }
            fn visit_field<#lifetime>(
                &#lifetime self,
                name: &::core::primitive::str,
                v: &mut dyn ::core::ops::FnMut(&::core::primitive::str, ::pleach::__derive::Member<#lifetime>),
            ) {
                #visit_field
            }
            fn visit_field_mut<#lifetime>(
                &#lifetime mut self,
                name: &::core::primitive::str,
                v: &mut dyn ::core::ops::FnMut(&::core::primitive::str, ::pleach::__derive::MemberMut<#lifetime>),
            ) {
                #visit_field_mut
            }
            fn share_field(&self) -> Self {
                #share
            }
            #[allow(unused_variables)]
            fn copy_field(&self, memo: &mut ::pleach::__derive::Memo) -> Self {
                #copy
            }
        }

        #has_mode

        #[automatically_derived]
        impl #impl_generics ::core::fmt::Display for #ident #ty_generics #where_clause {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::pleach::__derive::fmt_module(::pleach::__derive::AsModule::as_module(self), f)
            }
        }

        #[automatically_derived]
        impl #impl_generics #ident #ty_generics #where_clause {
            #share_method
            /// A module with equal values and parameters of its own; what is shared inside stays
            /// shared inside the copy.
            #[allow(dead_code)]
            pub fn deep_copy(&self) -> Self {
                ::pleach::__derive::Field::copy_field(self, &mut ::core::default::Default::default())
            }
        }
    }
}
