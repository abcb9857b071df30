//! Names and what they are bound to.
//!
//! Scopes form a chain from the innermost block to the file, the prelude and the built-in functions. A function keeps the
//! scope it was defined in; a function literal keeps the values its variables had when it was made.

use std::cell::RefCell;
use std::rc::Rc;

use super::value::Value;
use crate::source::Span;
use crate::source::nearest::nearest;
use crate::syntax::ast::Name;

/// What a binding may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BindKind {
    /// `x = e`: never changes.
    Let,
    /// `var x = e`: `:=` rebinds it.
    Var,
    /// A size named in a signature.
    Size,
}

/// A name with its value.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The name.
    pub name: Name,
    /// Its value now.
    pub value: Value,
    /// Where it was bound; none for what the language provides.
    pub span: Option<Span>,
    /// What it may do.
    pub kind: BindKind,
}

/// What surrounds a scope.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeKind {
    /// A block or a loop turn: sees everything around it.
    Block,
    /// The body of a named definition: sees no variable around it.
    Named,
    /// A file.
    File,
    /// What is in scope everywhere.
    Prelude,
}

/// The names of one block, and what surrounds it.
#[derive(Debug)]
pub struct Scope {
    kind: ScopeKind,
    parent: Option<Rc<Scope>>,
    bindings: RefCell<Vec<Binding>>,
}

/// What was found for a name.
#[derive(Debug)]
pub enum Lookup {
    /// It is bound.
    Found(Binding),
    /// It is a variable outside the named definition that uses it.
    OutOfReach(Binding),
    /// It is not bound.
    Unknown,
}

impl Scope {
    /// An empty scope.
    pub fn new(kind: ScopeKind, parent: Option<Rc<Scope>>) -> Rc<Scope> {
        Rc::new(Scope { kind, parent, bindings: RefCell::default() })
    }

    /// An empty block in this scope.
    pub fn block(self: &Rc<Scope>) -> Rc<Scope> {
        Scope::new(ScopeKind::Block, Some(self.clone()))
    }

    /// Binds a name; one of the same name in this scope is hidden.
    pub fn bind(&self, name: impl Into<Name>, value: Value, span: Option<Span>, kind: BindKind) {
        let binding = Binding { name: name.into(), value, span, kind };
        let mut bindings = self.bindings.borrow_mut();
        match bindings.iter_mut().find(|other| other.name == binding.name) {
            Some(slot) => *slot = binding,
            None => bindings.push(binding),
        }
    }

    /// The binding of a name in this very scope.
    pub fn own(&self, name: &str) -> Option<Binding> {
        self.bindings.borrow().iter().find(|binding| &*binding.name == name).cloned()
    }

    /// All bindings of this very scope, in order.
    pub fn own_bindings(&self) -> Vec<Binding> {
        self.bindings.borrow().clone()
    }

    /// Makes these the bindings of this very scope: those it had before something failed.
    pub fn restore(&self, bindings: Vec<Binding>) {
        *self.bindings.borrow_mut() = bindings;
    }

    /// Finds a name.
    pub fn lookup(&self, name: &str) -> Lookup {
        let (mut scope, mut crossed) = (self, false);
        loop {
            if let Some(binding) = scope.own(name) {
                let hidden = crossed && binding.kind == BindKind::Var;
                return if hidden { Lookup::OutOfReach(binding) } else { Lookup::Found(binding) };
            }
            crossed |= scope.kind == ScopeKind::Named;
            match &scope.parent {
                Some(parent) => scope = parent,
                None => return Lookup::Unknown,
            }
        }
    }

    /// The value of a name that is visible.
    pub fn get(&self, name: &str) -> Option<Value> {
        match self.lookup(name) {
            Lookup::Found(binding) => Some(binding.value),
            Lookup::OutOfReach(_) | Lookup::Unknown => None,
        }
    }

    /// Gives a visible variable another value. Whether there is such a variable was looked up before.
    pub fn assign(&self, name: &str, value: Value) {
        let mut scope = self;
        loop {
            if let Some(binding) = scope.bindings.borrow_mut().iter_mut().find(|binding| &*binding.name == name) {
                binding.value = value;
                return;
            }
            scope = scope.parent.as_deref().expect("the variable was looked up");
        }
    }

    /// What kind of scope binds the name.
    pub fn kind_of(&self, name: &str) -> Option<ScopeKind> {
        let mut scope = Some(self);
        while let Some(at) = scope {
            if at.own(name).is_some() {
                return Some(at.kind);
            }
            scope = at.parent.as_deref();
        }
        None
    }

    /// The scope with the values its variables have now: what a function literal made here sees.
    pub fn frozen(self: &Rc<Scope>) -> Rc<Scope> {
        let variables: Vec<Binding> = self.variables();
        if variables.is_empty() {
            return self.clone();
        }
        let frozen = self.block();
        for binding in variables {
            frozen.bind(binding.name, binding.value, binding.span, BindKind::Let);
        }
        frozen
    }

    fn variables(&self) -> Vec<Binding> {
        let mut found: Vec<Binding> = vec![];
        let mut hidden: Vec<Name> = vec![];
        let mut scope = Some(self);
        while let Some(at) = scope {
            for binding in at.bindings.borrow().iter() {
                if hidden.contains(&binding.name) {
                    continue;
                }
                if binding.kind == BindKind::Var {
                    found.push(binding.clone());
                }
                if at.kind == ScopeKind::Block {
                    hidden.push(binding.name.clone());
                }
            }
            if at.kind == ScopeKind::Named {
                break;
            }
            scope = at.parent.as_deref();
        }
        found
    }

    /// Every name that is visible here, nearest first.
    pub fn visible_names(&self) -> Vec<Name> {
        let mut names = vec![];
        let mut scope = Some(self);
        while let Some(at) = scope {
            names.extend(at.bindings.borrow().iter().map(|binding| binding.name.clone()));
            scope = at.parent.as_deref();
        }
        names
    }
}

/// The closest of some public names to one that is unknown, if it is close enough to be meant.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(wrong, names.into_iter().filter(|name| !name.starts_with('_') && *name != wrong))
}
