//! The code for the fields of one struct or one variant.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Fields, GenericArgument, Ident, Member, PathArguments, Result, Type};

use crate::attributes::FieldAttributes;

/// One field: how it is reached, bound and named.
pub struct Field<'a> {
    pub member: Member,
    /// The variable it is bound to in a pattern.
    pub variable: Ident,
    /// Its name in the tree.
    pub name: String,
    pub ty: &'a Type,
    pub attributes: FieldAttributes,
}

/// The fields of a struct or variant, with a pattern that binds them.
pub struct Body<'a> {
    pub fields: Vec<Field<'a>>,
    /// Whether its first member is a module that the whole stands for.
    pub wraps: bool,
}

impl<'a> Body<'a> {
    pub fn parse(fields: &'a Fields) -> Result<Self> {
        let mut out = Vec::<Field>::new();
        for (i, field) in fields.iter().enumerate() {
            let attributes = FieldAttributes::parse(&field.attrs)?;
            let member = match &field.ident {
                Some(ident) => Member::Named(ident.clone()),
                None => Member::from(i),
            };
            let plain = match &field.ident {
                Some(ident) => ident.unraw().to_string(),
                None => i.to_string(),
            };
            let name = attributes.rename.clone().unwrap_or(plain);
            if !attributes.skip && out.iter().any(|f| !f.attributes.skip && f.name == name) {
                let text = format!("two members are called `{name}`");
                return Err(syn::Error::new_spanned(field, text));
            }
            out.push(Field {
                member,
                variable: format_ident!("field_{i}", span = Span::mixed_site()),
                name,
                ty: &field.ty,
                attributes,
            });
        }
        Ok(Body {
            fields: out,
            wraps: false,
        })
    }

    /// `{ a: field_0, b: field_1 }`, which fits every kind of fields.
    pub fn pattern(&self) -> TokenStream {
        let parts = self.fields.iter().map(|field| {
            let (member, variable) = (&field.member, &field.variable);
            quote!(#member: #variable)
        });
        quote!({ #(#parts),* })
    }

    fn members(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter().filter(|f| !f.attributes.skip)
    }

    /// The field whose module the whole stands for, if it does: the first member.
    pub fn wrapped(&self) -> Option<&Field<'a>> {
        self.members().next().filter(|_| self.wraps)
    }

    /// Statements that show the members to `v`: those of the wrapped module first.
    pub fn visit(&self, mutable: bool) -> TokenStream {
        let (method, method_of_field) = match mutable {
            false => (quote!(visit), quote!(visit_field)),
            true => (quote!(visit_mut), quote!(visit_field_mut)),
        };
        let inner = self.wrapped().map(|field| {
            let module = field.as_module(mutable);
            quote!(::pleach::__derive::Module::#method(#module, v);)
        });
        let own = self.members().skip(usize::from(self.wraps));
        let statements = own.map(|field| {
            let Field {
                variable, name, ty, ..
            } = field;
            let visit = quote_spanned! {ty.span()=>
                <#ty as ::pleach::__derive::Field>::#method_of_field(#variable, #name, v);
            };
            if field.attributes.show_none && !mutable {
                quote! {
                    if ::core::option::Option::is_none(#variable) {
                        v(#name, ::pleach::__derive::Member::Absent);
                    }
                    #visit
                }
            } else {
                visit
            }
        });
        quote!(#inner #(#statements)*)
    }

    /// The wrapped module's node, or the field that is one.
    pub fn node(&self) -> TokenStream {
        if let Some(field) = self.wrapped() {
            let module = field.as_module(false);
            return quote!(::pleach::__derive::Module::node(#module));
        }
        match self.members().find(|field| is_node(field.ty)) {
            Some(Field { variable, .. }) => quote!(::core::option::Option::Some(#variable)),
            None => quote!(::core::option::Option::None),
        }
    }

    /// `{ a: alias or copy of a, b: clone of b }`.
    pub fn duplicate(&self) -> TokenStream {
        let parts = self.fields.iter().map(|field| {
            let Field { member, variable, ty, .. } = field;
            let value = match field.attributes.skip {
                true => quote_spanned!(ty.span()=> <#ty as ::core::clone::Clone>::clone(#variable)),
                false => quote_spanned!(ty.span()=> <#ty as ::pleach::__derive::Field>::duplicate(#variable, how)),
            };
            quote!(#member: #value)
        });
        quote!({ #(#parts),* })
    }

    /// Whether an alias has the identity of the original.
    pub fn has_identity(&self) -> bool {
        self.wraps || self.members().any(|field| is_node(field.ty))
    }
}

impl Field<'_> {
    /// The type of the module that it holds: a box is no module itself.
    pub fn module_type(&self) -> &Type {
        boxed(self.ty).unwrap_or(self.ty)
    }

    /// An expression for the module as a trait object.
    pub fn as_module(&self, mutable: bool) -> TokenStream {
        let (variable, ty) = (&self.variable, self.module_type());
        let value = match (mutable, boxed(self.ty).is_some()) {
            (_, false) => quote!(#variable),
            (false, true) => quote!(&**#variable),
            (true, true) => quote!(&mut **#variable),
        };
        match mutable {
            false => quote!(<#ty as ::pleach::__derive::AsModule>::as_module(#value)),
            true => quote!(<#ty as ::pleach::__derive::AsModule>::as_module_mut(#value)),
        }
    }
}

/// Whether a type is written as `Node`.
fn is_node(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|s| s.ident == "Node"),
        _ => false,
    }
}

/// `T` of a `Box<T>`.
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
