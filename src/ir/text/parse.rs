//! Reads modules.

use std::collections::HashMap;

use crate::ir::op::{Attr, Attrs};
use crate::ir::{Dim, Func, FuncId, Graph, Module, Op, Origin, Role, Symbol, SymbolKind, Type, ValueId};
use crate::syntax::ast::Name;
use crate::tensor::{DType, Element, Key, Tensor};

/// Reads the text of a module. The error names the line. Sizes become new rigid symbols; types are taken as written,
/// which [`verify`](fn@crate::ir::verify) checks.
pub fn parse(text: &str) -> Result<Module, String> {
    let mut parser = Parser { text, at: 0, funcs: HashMap::new(), sizes: HashMap::new() };
    // Functions may name later ones, so the names are read first.
    let heads = text.lines().filter(|line| line.starts_with("fn @") || line.starts_with("named fn @"));
    for (idx, head) in heads.enumerate() {
        let name = head.split(['@', '(']).nth(1).unwrap_or_default();
        if parser.funcs.insert(name.to_string(), FuncId(idx as u32)).is_some() {
            return Err(format!("there are two functions @{name}"));
        }
    }
    let mut module = Module::default();
    parser.skip_space();
    while parser.at < text.len() {
        match parser.func() {
            Ok(func) => module.add(func),
            Err(error) => {
                let line = text[..parser.at].matches('\n').count() + 1;
                return Err(format!("line {line}: {error}"));
            }
        };
        parser.skip_space();
    }
    Ok(module)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    funcs: HashMap<String, FuncId>,
    sizes: HashMap<String, Symbol>,
}

type Parsed<T> = Result<T, String>;

/// Whether a letter may stand in the name of a value, a size or a function.
fn in_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '#' | '\'')
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Goes over space and over comments, from a `;` to the end of its line.
    fn skip_space(&mut self) {
        let mut rest = self.rest().trim_start();
        while rest.starts_with(';') {
            rest = rest.find('\n').map_or("", |end| rest[end..].trim_start());
        }
        self.at = self.text.len() - rest.len();
    }

    /// Goes over a token, if it comes next.
    fn accept(&mut self, token: &str) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn expect(&mut self, token: &str) -> Parsed<()> {
        if self.accept(token) {
            return Ok(());
        }
        let found: String = self.rest().chars().take(20).collect();
        Err(format!("expected `{token}`, found `{found}`"))
    }

    /// Takes the letters that fulfil a condition.
    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|letter| !wanted(letter)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn name(&mut self) -> Parsed<&'a str> {
        self.skip_space();
        match self.take(in_name) {
            "" => Err("expected a name".into()),
            name => Ok(name),
        }
    }

    /// What stands between two tokens, separated by commas.
    fn list<T>(&mut self, open: &str, close: &str, mut item: impl FnMut(&mut Self) -> Parsed<T>) -> Parsed<Vec<T>> {
        self.expect(open)?;
        let mut items = vec![];
        while !self.accept(close) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn func(&mut self) -> Parsed<Func> {
        let role = if self.accept("named") { Role::Named } else { Role::Internal };
        self.expect("fn")?;
        self.expect("@")?;
        let name: Name = self.name()?.into();
        let mut graph = Graph::default();
        let mut values = HashMap::new();
        let params = self.list("(", ")", |parser| {
            let head = parser.head()?;
            parser.expect(":")?;
            Ok((head, parser.ty()?))
        })?;
        for ((number, name), ty) in params {
            values.insert(number, graph.add_param(ty, name));
        }
        self.expect("->")?;
        let types = self.list("(", ")", Parser::ty)?;
        let adjoint = if self.accept("adjoint") { Some(self.func_ref()?) } else { None };
        self.expect("{")?;
        while !self.accept("return") {
            self.node(&mut graph, &mut values)?;
        }
        let mut results = vec![];
        while !self.accept("}") {
            if !results.is_empty() {
                self.expect(",")?;
            }
            results.push(self.value(&values)?);
        }
        graph.set_results(results);
        if graph.result_types() != types {
            return Err(format!("@{name} does not give what it says"));
        }
        Ok(Func { name, graph, adjoint, role })
    }

    fn node(&mut self, graph: &mut Graph, values: &mut HashMap<usize, ValueId>) -> Parsed<()> {
        let mut heads = vec![];
        while !self.accept("=") {
            if !heads.is_empty() {
                self.expect(",")?;
            }
            heads.push(self.head()?);
        }
        let name = self.name()?;
        let mut attrs = Attrs::none();
        if self.rest().starts_with('{') {
            attrs.0 = self.list("{", "}", |parser| {
                let name = parser.name()?.to_string();
                parser.expect("=")?;
                Ok((name.into(), parser.attr()?))
            })?;
        }
        let op = Op::read(name, &mut attrs).map_err(|error| format!("{name}: {}", error.0))?;
        let args = self.list("(", ")", |parser| parser.value(values))?;
        self.expect(":")?;
        let mut types = vec![];
        for idx in 0..heads.len() {
            if idx > 0 {
                self.expect(",")?;
            }
            types.push(self.ty()?);
        }
        let node = graph.add_node(op, args, types, Origin::default());
        let results = graph.node(node).results.clone();
        for ((number, name), id) in heads.into_iter().zip(results) {
            values.insert(number, id);
            if let Some(name) = name {
                graph.name_value(id, &name);
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Parsed<usize> {
        self.expect("%")?;
        self.take(|letter| letter.is_ascii_digit()).parse().map_err(|_| "expected the number of a value".into())
    }

    /// `%2 h`: the number and the name of a value that is defined here.
    fn head(&mut self) -> Parsed<(usize, Option<Name>)> {
        let number = self.number()?;
        self.skip_space();
        let name = self.take(in_name);
        Ok((number, (!name.is_empty()).then(|| name.into())))
    }

    fn value(&mut self, values: &HashMap<usize, ValueId>) -> Parsed<ValueId> {
        let number = self.number()?;
        values.get(&number).copied().ok_or_else(|| format!("%{number} is not defined"))
    }

    fn ty(&mut self) -> Parsed<Type> {
        let name = self.name()?;
        let dtype = name.parse().map_err(|()| format!("`{name}` is no element type"))?;
        Ok(Type::new(dtype, self.list("[", "]", Parser::dim)?))
    }

    fn func_ref(&mut self) -> Parsed<FuncId> {
        self.expect("@")?;
        let name = self.name()?;
        self.funcs.get(name).copied().ok_or_else(|| format!("there is no function @{name}"))
    }

    fn attr(&mut self) -> Parsed<Attr> {
        self.skip_space();
        let rest = self.rest();
        if rest.starts_with('"') {
            return Ok(Attr::Word(self.word()?));
        }
        if rest.starts_with('@') {
            return Ok(Attr::Func(self.func_ref()?));
        }
        if rest.starts_with('[') {
            return Ok(Attr::Dims(self.list("[", "]", Parser::dim)?));
        }
        let is_type = |dtype: DType| rest.strip_prefix(dtype.name()).is_some_and(|rest| rest.starts_with('['));
        if DType::ALL.into_iter().any(is_type) {
            return Ok(Attr::Tensor(self.tensor()?));
        }
        // A number with a point, an exponent, or one of the words of IEEE 754 is a real; the rest are sizes.
        let number = &rest[..rest.find([',', '}', ' ']).unwrap_or(rest.len())];
        if let Ok(value) = number.parse::<f64>()
            && number.parse::<i64>().is_err()
        {
            self.at += number.len();
            return Ok(Attr::Real(value));
        }
        Ok(Attr::Dim(self.dim()?))
    }

    fn word(&mut self) -> Parsed<String> {
        self.expect("\"")?;
        let mut word = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += at + 1;
                    return Ok(word);
                }
                '\\' => match letters.next().map(|(_, letter)| letter) {
                    Some('n') => word.push('\n'),
                    Some('t') => word.push('\t'),
                    Some('r') => word.push('\r'),
                    Some('0') => word.push('\0'),
                    Some('u') => {
                        let code: String = letters
                            .by_ref()
                            .map(|(_, letter)| letter)
                            .skip(1)
                            .take_while(|&letter| letter != '}')
                            .collect();
                        let letter = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
                        word.push(letter.ok_or("`\\u{…}` is no letter")?);
                    }
                    Some(other) => word.push(other),
                    None => break,
                },
                _ => word.push(letter),
            }
        }
        Err("a word does not end".into())
    }

    fn tensor(&mut self) -> Parsed<Tensor> {
        let ty = self.ty()?;
        let sizes = ty.shape.iter().map(|dim| dim.as_const().and_then(|size| usize::try_from(size).ok()));
        let shape = sizes.collect::<Option<Vec<_>>>().ok_or("a constant's sizes are numbers")?;
        match ty.dtype {
            DType::F32 => self.elements(&shape, |text| text.parse::<f32>().ok()),
            DType::F64 => self.elements(&shape, |text| text.parse::<f64>().ok()),
            DType::I64 => self.elements(&shape, |text| text.parse::<i64>().ok()),
            DType::Bool => self.elements(&shape, |text| text.parse::<bool>().ok()),
            DType::Key => self.elements(&shape, |text| {
                let half = |range| u64::from_str_radix(text.get(range)?, 16).ok();
                Some(Key::from_bits([half(0..16)?, half(16..32)?]))
            }),
        }
    }

    fn elements<T: Element>(&mut self, shape: &[usize], read: impl Fn(&str) -> Option<T>) -> Parsed<Tensor> {
        let elements = self.list("(", ")", |parser| {
            parser.skip_space();
            let text = parser.take(|letter| !matches!(letter, ',' | ')'));
            read(text).ok_or_else(|| format!("`{text}` is no element of this type"))
        })?;
        if elements.len() != shape.iter().product::<usize>() {
            return Err(format!("{} elements for the shape {shape:?}", elements.len()));
        }
        Ok(Tensor::from_vec(elements, shape))
    }

    /// A sum of products: `2*n + 1`, `(h - 3)//2 + 1`.
    fn dim(&mut self) -> Parsed<Dim> {
        let mut sum = self.dim_product()?;
        loop {
            let next = if self.accept("+") {
                let term = self.dim_product()?;
                sum.add(&term)
            } else if self.accept("-") {
                let term = self.dim_product()?;
                sum.sub(&term)
            } else {
                return Ok(sum);
            };
            sum = next.ok_or("a size overflows")?;
        }
    }

    fn dim_product(&mut self) -> Parsed<Dim> {
        let mut product = self.dim_factor()?;
        loop {
            let next = if self.accept("*") {
                let factor = self.dim_factor()?;
                product.mul(&factor)
            } else if self.accept("//") {
                let divisor = self.dim_factor()?;
                product.floor_div(&divisor)
            } else {
                return Ok(product);
            };
            product = next.ok_or("a size overflows")?;
        }
    }

    fn dim_factor(&mut self) -> Parsed<Dim> {
        if self.accept("-") {
            let factor = self.dim_factor()?;
            return Dim::constant(0).sub(&factor).ok_or_else(|| "a size overflows".into());
        }
        if self.accept("(") {
            let inner = self.dim()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let name = self.name()?;
        if let Ok(number) = name.parse() {
            return Ok(Dim::constant(number));
        }
        let symbol = self.sizes.entry(name.to_string()).or_insert_with(|| Symbol::new(name, SymbolKind::Rigid));
        Ok(symbol.clone().into())
    }
}
