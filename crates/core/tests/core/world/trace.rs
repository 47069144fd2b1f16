//! What went in and what came out, to be read and to be compared.

use hearken_core::moment::Moment;
use std::cell::RefCell;
use std::fmt::{self, Debug, Write};
use std::rc::Rc;

/// Every input and every action, in order: none of it, or its hash, or all of it.
#[derive(Clone, Default)]
pub(crate) struct Trace(Option<Rc<RefCell<Pages>>>);

struct Pages {
    hash: u64,
    inputs: usize,
    text: Option<String>,
}

/// FNV-1a (Fowler, Noll, Vo), in 64 bits.
struct Fnv<'a>(&'a mut u64);

impl Write for Fnv<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Ok(())
    }
}

impl Trace {
    /// Nothing is written down: the fastest.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn hashed() -> Self {
        Self::begin(None)
    }

    pub(crate) fn readable() -> Self {
        Self::begin(Some(String::new()))
    }

    fn begin(text: Option<String>) -> Self {
        let hash = 0xCBF2_9CE4_8422_2325;
        Self(Some(Rc::new(RefCell::new(Pages { hash, inputs: 0, text }))))
    }

    pub(crate) fn hash(&self) -> u64 {
        self.0.as_ref().map_or(0, |pages| pages.borrow().hash)
    }

    pub(crate) fn text(&self) -> String {
        self.0.as_ref().and_then(|pages| pages.borrow().text.clone()).unwrap_or_default()
    }

    pub(crate) fn input(&self, now: Moment, input: &dyn Debug) {
        let Some(pages) = &self.0 else { return };
        let pages = &mut *pages.borrow_mut();
        pages.inputs += 1;
        let _ = write!(Fnv(&mut pages.hash), "{now:?}{input:?}");
        if let Some(text) = &mut pages.text {
            let at = now.since_start().as_secs_f64();
            let _ = write!(text, "\n{:5} {at:>12.6} {input:?}", pages.inputs);
        }
    }

    pub(crate) fn action(&self, action: &dyn Debug) {
        let Some(pages) = &self.0 else { return };
        let pages = &mut *pages.borrow_mut();
        let _ = write!(Fnv(&mut pages.hash), "{action:?}");
        if let Some(text) = &mut pages.text {
            let _ = write!(text, "\n{:>21} {action:?}", "->");
        }
    }
}
