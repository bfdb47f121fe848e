//! What registries are asked for, so that sets can be loaded.

use std::time::Duration;

use super::{Ask, Loading, Sets};
use crate::{
    delivery::{Answers, Asking, Questions, Watched},
    journey::Wish,
    output::Output,
};

impl Loading {
    /// How often registries are asked; `None` when there is nothing to ask.
    pub(in crate::daemon) fn interval(&self) -> Option<Duration> {
        self.loader.interval()
    }

    /// What registries may have anew.
    pub(in crate::daemon) fn watched(&self, output: &Output) -> Option<Watched> {
        self.loader.watched(output)
    }

    /// Whether registries have still to be asked for what the active set was made of.
    pub(in crate::daemon) const fn is_unasked(&self) -> bool {
        self.loader.is_unasked()
    }

    /// What registries have to be asked for before this wish is loaded; `None` when that is nothing.
    pub(in crate::daemon) fn questions(
        &mut self,
        wish: &Wish,
        (ask, asking): (Ask<'_>, Asking),
        output: &Output,
    ) -> Option<Questions> {
        let questions = self.loader.questions(&wish.config, asking, output)?;
        let configured = self.configured(wish, output).ok()?;
        let stands = self.stands(ask, configured).is_some();
        (!stands).then_some(questions)
    }

    /// The sets of this wish, as [`Self::sets`], with what registries answered before.
    pub(in crate::daemon) fn sets_with(
        &mut self,
        wish: &Wish,
        (ask, asking): (Ask<'_>, Asking),
        answers: Answers,
        output: &Output,
    ) -> anyhow::Result<Sets> {
        self.loader.ask(asking);
        self.loader.offer(answers);
        let sets = self.sets(wish, ask, output);
        // They may not have been looked at.
        self.loader.offer(Answers::new());
        self.loader.ask(Asking::default());
        sets
    }
}
