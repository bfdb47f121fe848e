//! serde's side of the reader.

use alloc::{borrow::Cow, format};

use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
        Unexpected, VariantAccess, Visitor,
    },
};

use super::{
    error::Error,
    lexer::{Lexer, Number},
};

/// What to do with a number that is no integer of 64 bits. It is an argument, so that the code that reads
/// floating-point numbers is part of those policies alone whose settings hold one.
type Fraction<V, T> = fn(V, &str) -> Result<T, Error>;

impl Lexer<'_> {
    /// Reads whatever value comes next.
    fn value<'de, V: Visitor<'de>>(
        &mut self,
        visitor: V,
        fraction: Fraction<V, V::Value>,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'{') => {
                self.open("{")?;
                let value = visitor.visit_map(Members {
                    lexer: self,
                    name: Cow::Borrowed(""),
                    first: true,
                })?;
                self.close("}")?;
                Ok(value)
            }
            Some(b'[') => {
                self.open("[")?;
                let value = visitor.visit_seq(Elements {
                    lexer: self,
                    index: 0,
                })?;
                self.close("]")?;
                Ok(value)
            }
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Some(b'-' | b'0'..=b'9') => match self.number()? {
                Number::Unsigned(number) => visitor.visit_u64(number),
                Number::Signed(number) => visitor.visit_i64(number),
                Number::Other(text) => fraction(visitor, text),
            },
            _ if self.take("true") => visitor.visit_bool(true),
            _ if self.take("false") => visitor.visit_bool(false),
            _ if self.take("null") => visitor.visit_unit(),
            _ => Err(self.unexpected("a value")),
        }
    }
}

fn refuse<'de, V: Visitor<'de>>(visitor: V, text: &str) -> Result<V::Value, Error> {
    Err(Error::invalid_type(
        Unexpected::Other(&format!("number `{text}`")),
        &visitor,
    ))
}

fn ignore<'de, V: Visitor<'de>>(visitor: V, _: &str) -> Result<V::Value, Error> {
    visitor.visit_unit()
}

fn parse<'de, V: Visitor<'de>>(visitor: V, text: &str) -> Result<V::Value, Error> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => visitor.visit_f64(number),
        _ => refuse(visitor, text),
    }
}

macro_rules! refusing_fractions {
    ($($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            self.value(visitor, refuse)
        })+
    };
}

impl<'de> Deserializer<'de> for &mut Lexer<'_> {
    type Error = Error;

    refusing_fractions! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_char deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.value(visitor, parse)
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.value(visitor, parse)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.value(visitor, parse)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.value(visitor, ignore)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.take("null") {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value(visitor, refuse)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.value(visitor, refuse)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value(visitor, refuse)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.value(visitor, refuse)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.peek() {
            Some(b'{') => {
                self.open("{")?;
                let value = visitor.visit_enum(Variant { lexer: self })?;
                self.close("}")?;
                Ok(value)
            }
            Some(b'"') => {
                let name = self.string()?;
                visitor.visit_enum(Name(&name))
            }
            _ => Err(self.unexpected("a word, or an object with one member")),
        }
    }
}

/// The members of an object.
struct Members<'l, 'a> {
    lexer: &'l mut Lexer<'a>,
    name: Cow<'a, str>,
    first: bool,
}

impl<'de> MapAccess<'de> for Members<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let first = core::mem::replace(&mut self.first, false);
        match self.lexer.peek() {
            Some(b'}') => return Ok(None),
            Some(b'"') if first => {}
            _ if first => return Err(self.lexer.unexpected("a name or `}`")),
            _ if !self.lexer.take(",") => return Err(self.lexer.unexpected("`,` or `}`")),
            _ => {}
        }
        if self.lexer.peek() != Some(b'"') {
            return Err(self.lexer.unexpected("a name"));
        }
        self.name = self.lexer.string()?;
        let name: &str = &self.name;
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let value = self
            .lexer
            .need(":")
            .and_then(|()| seed.deserialize(&mut *self.lexer));
        value.map_err(|error| error.under(&self.name))
    }
}

/// The elements of an array.
struct Elements<'l, 'a> {
    lexer: &'l mut Lexer<'a>,
    index: usize,
}

impl<'de> SeqAccess<'de> for Elements<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.lexer.peek() == Some(b']') {
            return Ok(None);
        }
        if self.index > 0 && !self.lexer.take(",") {
            return Err(self.lexer.unexpected("`,` or `]`"));
        }
        let element = seed.deserialize(&mut *self.lexer);
        let element = element.map_err(|error| error.at(self.index))?;
        self.index += 1;
        Ok(Some(element))
    }
}

/// A variant that is a word alone.
struct Name<'n>(&'n str);

impl<'n, 'de> EnumAccess<'de> for Name<'n> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name = self.0;
        Ok((seed.deserialize(name.into_deserializer())?, self))
    }
}

impl Name<'_> {
    fn valueless<T>(&self) -> Result<T, Error> {
        Err(Error::new(format!(
            "expected a value for `{}`, came none",
            self.0
        )))
    }
}

impl<'de> VariantAccess<'de> for Name<'_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        self.valueless()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        self.valueless()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.valueless()
    }
}

/// A variant with a value: an object of one member.
struct Variant<'l, 'a> {
    lexer: &'l mut Lexer<'a>,
}

/// The value of a variant.
struct VariantValue<'l, 'a> {
    lexer: &'l mut Lexer<'a>,
    name: Cow<'a, str>,
}

impl<'l, 'a, 'de> EnumAccess<'de> for Variant<'l, 'a> {
    type Error = Error;
    type Variant = VariantValue<'l, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, VariantValue<'l, 'a>), Error> {
        let name = self.lexer.string()?;
        let word: &str = &name;
        let variant = seed.deserialize(word.into_deserializer())?;
        self.lexer.need(":")?;
        Ok((
            variant,
            VariantValue {
                lexer: self.lexer,
                name,
            },
        ))
    }
}

impl<'de> VariantAccess<'de> for VariantValue<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        let null = self.lexer.need("null");
        null.map_err(|error| error.under(&self.name))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.lexer)
            .map_err(|error| error.under(&self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.lexer
            .value(visitor, refuse)
            .map_err(|error| error.under(&self.name))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.lexer
            .value(visitor, refuse)
            .map_err(|error| error.under(&self.name))
    }
}
