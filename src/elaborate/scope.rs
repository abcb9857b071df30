//! Names and what they are bound to.
//!
//! Scopes form a chain from the innermost block to the file, the prelude and the built-in functions. A function keeps the
//! scope it was defined in; a function literal keeps the values its variables had when it was made.
//!
//! A name may be bound to a value that is made when the name is first looked up: the library is so large that only what is
//! used of it is read.

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

/// What makes a value that nobody has asked for.
struct Make(Box<dyn FnOnce() -> Value>);

impl std::fmt::Debug for Make {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("later")
    }
}

/// A name in its scope.
#[derive(Debug)]
struct Slot {
    /// What it is bound to; `Poisoned` until `later` has made the value.
    binding: Binding,
    later: Option<Make>,
}

impl From<Binding> for Slot {
    fn from(binding: Binding) -> Slot {
        Slot { binding, later: None }
    }
}

/// The names of one block, and what surrounds it.
#[derive(Debug)]
pub struct Scope {
    kind: ScopeKind,
    parent: Option<Rc<Scope>>,
    slots: RefCell<Vec<Slot>>,
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
        Rc::new(Scope { kind, parent, slots: RefCell::default() })
    }

    /// An empty block in this scope.
    pub fn block(self: &Rc<Scope>) -> Rc<Scope> {
        Scope::new(ScopeKind::Block, Some(self.clone()))
    }

    /// Binds a name; one of the same name in this scope is hidden.
    pub fn bind(&self, name: impl Into<Name>, value: Value, span: Option<Span>, kind: BindKind) {
        self.fill(Binding { name: name.into(), value, span, kind }.into());
    }

    /// Binds a name to the value that `make` gives when it is first looked up.
    pub fn bind_later(&self, name: impl Into<Name>, span: Option<Span>, make: impl FnOnce() -> Value + 'static) {
        let binding = Binding { name: name.into(), value: Value::Poisoned, span, kind: BindKind::Let };
        self.fill(Slot { binding, later: Some(Make(Box::new(make))) });
    }

    fn fill(&self, slot: Slot) {
        let mut slots = self.slots.borrow_mut();
        match slots.iter_mut().find(|other| other.binding.name == slot.binding.name) {
            Some(other) => *other = slot,
            None => slots.push(slot),
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.slots.borrow().iter().position(|slot| &*slot.binding.name == name)
    }

    /// The binding at this place, its value made.
    fn made(&self, idx: usize) -> Binding {
        let later = self.slots.borrow_mut()[idx].later.take();
        if let Some(Make(make)) = later {
            // What is made may look names up in this very scope.
            let value = make();
            self.slots.borrow_mut()[idx].binding.value = value;
        }
        self.slots.borrow()[idx].binding.clone()
    }

    /// The binding of a name in this very scope.
    pub fn own(&self, name: &str) -> Option<Binding> {
        self.position(name).map(|idx| self.made(idx))
    }

    /// All bindings of this very scope, in order.
    pub fn own_bindings(&self) -> Vec<Binding> {
        let n = self.slots.borrow().len();
        (0..n).map(|idx| self.made(idx)).collect()
    }

    /// Makes these the bindings of this very scope: those it had before something failed.
    pub fn restore(&self, bindings: Vec<Binding>) {
        *self.slots.borrow_mut() = bindings.into_iter().map(Slot::from).collect();
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
            if let Some(slot) = scope.slots.borrow_mut().iter_mut().find(|slot| &*slot.binding.name == name) {
                slot.binding.value = value;
                return;
            }
            scope = scope.parent.as_deref().expect("the variable was looked up");
        }
    }

    /// What kind of scope binds the name.
    pub fn kind_of(&self, name: &str) -> Option<ScopeKind> {
        let mut scope = Some(self);
        while let Some(at) = scope {
            if at.position(name).is_some() {
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
            for Slot { binding, .. } in at.slots.borrow().iter() {
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
        self.names(|_| true)
    }

    /// The visible names whose values are there, nearest first. The others are definitions that nobody has used.
    pub fn used_names(&self) -> Vec<Name> {
        self.names(|slot| slot.later.is_none())
    }

    fn names(&self, is_wanted: impl Fn(&Slot) -> bool) -> Vec<Name> {
        let mut names = vec![];
        let mut scope = Some(self);
        while let Some(at) = scope {
            let slots = at.slots.borrow();
            names.extend(slots.iter().filter(|slot| is_wanted(slot)).map(|slot| slot.binding.name.clone()));
            scope = at.parent.as_deref();
        }
        names
    }
}

/// The closest of some public names to one that is unknown, if it is close enough to be meant.
pub fn did_you_mean<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    nearest(wrong, names.into_iter().filter(|name| !name.starts_with('_') && *name != wrong))
}
