//! The code for the fields of one struct or one variant.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Fields, Ident, Member, Result, Type};

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
        Ok(Body { fields: out })
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

    /// Statements that show the members to `v`.
    pub fn visit(&self, mutable: bool) -> TokenStream {
        let method = match mutable {
            false => quote!(visit_field),
            true => quote!(visit_field_mut),
        };
        let statements = self.members().map(|field| {
            let Field {
                variable, name, ty, ..
            } = field;
            let visit = quote_spanned! {ty.span()=>
                <#ty as ::pleach::__derive::Field>::#method(#variable, #name, v);
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
        quote!(#(#statements)*)
    }

    /// The first node among the fields.
    pub fn node(&self) -> TokenStream {
        let nodes = self.members().map(|Field { variable, ty, .. }| {
            quote_spanned! {ty.span()=>
                if let ::core::option::Option::Some(node) =
                    <#ty as ::pleach::__derive::Field>::field_node(#variable)
                {
                    return ::core::option::Option::Some(node);
                }
            }
        });
        quote! {
            #(#nodes)*
            ::core::option::Option::None
        }
    }

    /// `{ a: alias of a, b: clone of b }`, or the deep copies.
    pub fn rebuild(&self, deep: bool) -> TokenStream {
        let parts = self.fields.iter().map(|field| {
            let Field { member, variable, ty, .. } = field;
            let value = if field.attributes.skip {
                quote_spanned!(ty.span()=> <#ty as ::core::clone::Clone>::clone(#variable))
            } else if deep {
                quote_spanned!(ty.span()=> <#ty as ::pleach::__derive::Field>::copy_field(#variable, memo))
            } else {
                quote_spanned!(ty.span()=> <#ty as ::pleach::__derive::Field>::share_field(#variable))
            };
            quote!(#member: #value)
        });
        quote!({ #(#parts),* })
    }

    /// Whether a field's type is written as `Node`.
    pub fn has_node(&self) -> bool {
        self.members().any(|field| match field.ty {
            Type::Path(path) => path.path.segments.last().is_some_and(|s| s.ident == "Node"),
            _ => false,
        })
    }
}
