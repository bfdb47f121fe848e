//! The last recorded questions, for a set that is tried.

use std::{fs::File, io::BufReader, path::PathBuf, sync::Arc};

use resolvet::decisions::{LogOptions, Reader, Recorded};
use resolvet_proto::judgement::{Request, Stage};

/// The last questions of a log of whole decisions, so many, the oldest first. Nothing is read before the first is wanted; files are
/// read twice, so that no more than one question is held.
pub(super) fn last(
    log: LogOptions,
    count: usize,
) -> impl Iterator<Item = (Stage, Arc<Request>)> + Send {
    let begin = move || {
        let (mut files, mut before) = (Vec::new(), 0_usize);
        // From the newest file back, until there are enough.
        for file in log.places() {
            before += questions(&file).count();
            files.push(file);
            if before >= count {
                break;
            }
        }
        files.reverse();
        let all = files.into_iter().flat_map(|file: PathBuf| questions(&file));
        all.skip(before.saturating_sub(count)).take(count)
    };
    std::iter::once_with(begin).flatten()
}

/// The questions of a file that can be asked again. What cannot be read is passed over.
fn questions(file: &PathBuf) -> impl Iterator<Item = (Stage, Arc<Request>)> + use<> {
    let opened = File::open(file).ok().into_iter();
    let recorded = opened.flat_map(|file| Reader::new(BufReader::new(file)));
    recorded.filter_map(|recorded| match recorded {
        Ok(Recorded::Decision {
            decision, request, ..
        }) => Some((decision.stage, request?)),
        _ => None,
    })
}
