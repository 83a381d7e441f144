//! Numbers for families and labels, which index tables.

use crate::{
    catalog::{self, Family, Label},
    sync::Mutex,
};

/// The most families, and the most labels, of other crates in one engine.
const MAX_ADDED: usize = 16;
/// Numbers of families are below this.
pub(super) const MAX_FAMILIES: usize = catalog::ALL.len() + MAX_ADDED;
/// Numbers of labels are below this.
pub(super) const MAX_LABEL_KINDS: usize = Label::ALL.len() + MAX_ADDED;

/// A family or label.
pub(super) trait Numbered: Sized + 'static {
    /// This crate's own ones. Their numbers are their positions here.
    const OWN: &'static [&'static Self];

    /// Returns the position in [`OWN`](Self::OWN); `None` for other crates' ones.
    fn index(&self) -> Option<usize>;
}

/// The numbers of one engine.
///
/// This crate's families and labels have theirs at compile time. Others get the next one when they
/// are first used, so nothing has to be registered.
#[derive(Debug)]
pub(super) struct Registry<T: 'static>(Mutex<Vec<&'static T>>);

/// A thread's copy of the numbers that it needs.
#[derive(Debug)]
pub(super) struct Numbers<T: 'static>(Vec<(&'static T, usize)>);

// === impl Numbered ===

impl Numbered for Family {
    const OWN: &'static [&'static Self] = &catalog::ALL;

    #[inline]
    fn index(&self) -> Option<usize> {
        self.index
    }
}

impl Numbered for Label {
    const OWN: &'static [&'static Self] = Self::ALL;

    #[inline]
    fn index(&self) -> Option<usize> {
        self.index
    }
}

// === impl Registry ===

impl<T: Numbered> Registry<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Returns everything with a number, in the order of the numbers.
    pub(super) fn all(&self) -> Vec<&'static T> {
        T::OWN.iter().chain(&*self.0.lock()).copied().collect()
    }

    /// Returns the number of `wanted`. For a new one, `prepare` is called with the number first.
    /// `None` if there are too many.
    pub(super) fn number(&self, wanted: &'static T, prepare: impl FnOnce(usize)) -> Option<usize> {
        if let Some(index) = wanted.index() {
            return Some(index);
        }
        let mut added = self.0.lock();
        if let Some(position) = added.iter().position(|it| std::ptr::eq(*it, wanted)) {
            return Some(T::OWN.len() + position);
        }
        if added.len() == MAX_ADDED {
            return None;
        }
        let number = T::OWN.len() + added.len();
        prepare(number);
        added.push(wanted);
        Some(number)
    }
}

// === impl Numbers ===

impl<T: Numbered> Numbers<T> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Returns the number of `wanted`, which `register` looks up the first time.
    #[inline]
    pub(super) fn get(
        &mut self,
        wanted: &'static T,
        register: impl FnOnce() -> Option<usize>,
    ) -> Option<usize> {
        match wanted.index() {
            Some(index) => Some(index),
            None => self.get_added(wanted, register),
        }
    }

    #[inline(never)]
    fn get_added(
        &mut self,
        wanted: &'static T,
        register: impl FnOnce() -> Option<usize>,
    ) -> Option<usize> {
        if let Some((_, number)) = self.0.iter().find(|it| std::ptr::eq(it.0, wanted)) {
            return Some(*number);
        }
        let number = register()?;
        self.0.push((wanted, number));
        Some(number)
    }
}
