//! The `#[module(..)]` attributes.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, Ident, LitInt, LitStr, Result};

/// What stands above a struct, an enum or a variant.
#[derive(Default)]
pub struct TypeAttributes {
    /// An expression for the name.
    pub name: Option<Expr>,
    /// Where `extra_repr` was asked for.
    pub extra_repr: Option<Span>,
    /// Where `refused_entries` was asked for.
    pub refused_entries: Option<Span>,
    pub version: Option<u64>,
    /// Whether equal neighbours print as one line.
    pub collapses: bool,
    /// Whether `Debug` prints what `Display` does.
    pub debug: bool,
    /// Where it was said that the first field stands for the whole.
    pub transparent: Option<Span>,
}

/// What stands above a field.
#[derive(Default)]
pub struct FieldAttributes {
    pub rename: Option<String>,
    pub show_none: bool,
    pub skip: bool,
}

fn module_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|a| a.path().is_ident("module"))
}

impl TypeAttributes {
    pub fn parse(attributes: &[Attribute], is_variant: bool) -> Result<Self> {
        let mut out = Self::default();
        for attribute in module_attributes(attributes) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    out.name = Some(meta.value()?.parse()?);
                } else if meta.path.is_ident("extra_repr") && !is_variant {
                    out.extra_repr = Some(meta.path.span());
                } else if meta.path.is_ident("refused_entries") && !is_variant {
                    out.refused_entries = Some(meta.path.span());
                } else if meta.path.is_ident("collapses") && !is_variant {
                    out.collapses = true;
                } else if meta.path.is_ident("debug") && !is_variant {
                    out.debug = true;
                } else if meta.path.is_ident("transparent") && !is_variant {
                    out.transparent = Some(meta.path.span());
                } else if meta.path.is_ident("version") && !is_variant {
                    let version: LitInt = meta.value()?.parse()?;
                    out.version = Some(version.base10_parse()?);
                } else if is_variant {
                    return Err(meta.error("a variant knows only `name = \"..\"`"));
                } else {
                    return Err(meta.error(
                        "a module's type knows `name = \"..\"`, `extra_repr`, `refused_entries`, \
                         `version = ..`, `collapses`, `debug` and `transparent`; \
                         `rename = \"..\"`, `show_none` and `skip` belong above a field",
                    ));
                }
                Ok(())
            })?;
        }
        Ok(out)
    }

    /// An expression for the name of the type or variant.
    pub fn name(&self, ident: &Ident) -> TokenStream {
        match &self.name {
            Some(name) => name.to_token_stream(),
            None => ident.unraw().to_string().to_token_stream(),
        }
    }
}

impl FieldAttributes {
    pub fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut out = Self::default();
        for attribute in module_attributes(attributes) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    let name: LitStr = meta.value()?.parse()?;
                    if name.value().is_empty() || name.value().contains('.') {
                        let text = "a member's name cannot be empty or contain a dot";
                        return Err(syn::Error::new(name.span(), text));
                    }
                    out.rename = Some(name.value());
                } else if meta.path.is_ident("show_none") {
                    out.show_none = true;
                } else if meta.path.is_ident("skip") {
                    out.skip = true;
                } else {
                    return Err(meta.error(
                        "a module's field knows `rename = \"..\"`, `show_none` and `skip`; \
                         `name = \"..\"`, `extra_repr`, `refused_entries`, `version = ..`, \
                         `collapses`, `debug` and `transparent` belong above the type",
                    ));
                }
                Ok(())
            })?;
            if out.skip && (out.show_none || out.rename.is_some()) {
                let text = "a skipped field has no name in the tree";
                return Err(syn::Error::new_spanned(attribute, text));
            }
        }
        Ok(out)
    }
}
