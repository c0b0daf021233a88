//! Advice that does not depend on the report.

/// The text of a piece of advice, and the same in one line.
#[derive(Clone, Copy)]
pub(super) struct AdviceText<'a> {
    pub(super) full: &'a str,
    pub(super) brief: &'a str,
}

pub(super) const REFUSED: AdviceText<'static> = AdviceText {
    full: "greenlit did not fix these files: the changes that are permitted are not enough. Give consent with the \
        options shown, or export the video again within the limits shown for each file.",
    brief: "give the consent that the reason names, if any, or export again",
};
pub(super) const UNREADABLE: AdviceText<'static> = AdviceText {
    full: "These files cannot be read as media. Transfer or export them again, and compare their sizes with the \
        originals.",
    brief: "unreadable: transfer or export again",
};
pub(super) const UNDELIVERED: AdviceText<'static> = AdviceText {
    full: "These files comply but were not delivered. `greenlit status` shows the next step for each, and `greenlit \
        resolve` records the decisions that only you can make. It is safe to run the same command again.",
    brief: "`greenlit status` shows the next step of each; the same command resumes",
};
pub(super) const GIVEN_UP: AdviceText<'static> = AdviceText {
    full: "These videos were given up, because no attempt or encode mode is left. `greenlit ship … --retry FILE` \
        uploads one again, `--retry all` uploads all of them again, and nothing else does. Export the video again if \
        the platform refuses it.",
    brief: "`greenlit ship … --retry FILE` uploads a video again that was given up",
};
pub(super) const CHANGE_UNSENT: AdviceText<'static> = AdviceText {
    full: "These files are delivered, but rows changed since their ads or posts were published. greenlit changes \
        nothing that is published: change it on the platform, or undo the change of the row.",
    brief: "change what is published on the platform, or undo the change of the row",
};
pub(super) const FAILED: AdviceText<'static> = AdviceText {
    full: "An operation on these files failed; the files themselves may be fine. Correct the cause shown (`greenlit \
        doctor` may help), then run the same command again. Completed files are not processed again.",
    brief: "correct the cause (`greenlit doctor` may help) and run the same command again",
};
pub(super) const OUTDATED: AdviceText<'static> = AdviceText {
    full: "These outputs are missing or outdated. `greenlit build` makes them.",
    brief: "`greenlit build` makes what is missing or outdated",
};
pub(super) const CANCELLED: AdviceText<'static> = AdviceText {
    full: "The run was cancelled. Run the same command again to resume.",
    brief: "cancelled: run the same command again to resume",
};
