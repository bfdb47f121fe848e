//! Reads a log back. Whatever stands in it, half a line or a hostile one, is told with its number and passed over.

use std::{
    collections::BTreeMap,
    io::{self, BufRead},
    sync::Arc,
};

use resolvet_engine::record::{Decision, Generation, Record, Start};
use resolvet_proto::judgement::{AnchorSet, Digest, Request, printable};

/// Octets of one line. A request with large CRLs has some MB, a system's trust anchors 250 kB.
const LINE_OCTETS: usize = 64 << 20;
/// Generations and sets of anchors that are remembered of one start.
const REMEMBERED: usize = 256;
/// Characters of a reason.
const SHOWN: usize = 300;

/// What a line was.
#[derive(Debug)]
#[non_exhaustive]
pub enum Recorded {
    /// A decision with what it names.
    Decision {
        /// The number of its line, from 1.
        line: u64,
        /// Which programs judged.
        start: Arc<Start>,
        /// Who was asked.
        generation: Arc<Generation>,
        /// The decision.
        decision: Box<Decision>,
        /// The whole request, checked against its digest, where it was recorded.
        request: Option<Arc<Request>>,
    },
    /// So many more judgements have no record.
    Dropped(u64),
    /// A line that is no record, or one that contradicts the log.
    Unreadable {
        /// Its number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
}

/// The decisions of a log, in order.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    line: u64,
    start: Arc<Start>,
    generations: BTreeMap<u64, Arc<Generation>>,
    anchors: BTreeMap<Digest, Arc<AnchorSet>>,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads from here on.
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            start: Arc::default(),
            generations: BTreeMap::new(),
            anchors: BTreeMap::new(),
            ended: false,
        }
    }

    /// A line without its end, or why it is none; `None` at the end of the log.
    fn next_line(&mut self) -> io::Result<Option<Result<String, String>>> {
        let mut octets = Vec::new();
        let mut too_long = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => other?,
            };
            let end = buffer.iter().position(|&octet| octet == b'\n');
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            if octets.len() + part.len() > LINE_OCTETS {
                too_long = true;
                octets = Vec::new();
            } else if !too_long {
                octets.extend_from_slice(part);
            }
            let (is_last, used) = (buffer.is_empty(), end.map_or(buffer.len(), |end| end + 1));
            self.input.consume(used);
            if end.is_none() && !is_last {
                continue;
            }
            if is_last && octets.is_empty() && !too_long {
                return Ok(None);
            }
            self.line += 1;
            return Ok(Some(if too_long {
                Err(format!("more than {LINE_OCTETS} octets"))
            } else if is_last {
                Err("half a line: it was not written to its end".into())
            } else {
                String::from_utf8(octets).map_err(|_| "no UTF-8".into())
            }));
        }
    }

    /// What a line says; `None` when it only prepares for others.
    fn take(&mut self, text: &str) -> Result<Option<Recorded>, String> {
        match Record::from_line(text).map_err(|error| error.to_string())? {
            Record::Start(start) => {
                self.start = Arc::new(start);
                self.generations.clear();
                self.anchors.clear();
                Ok(None)
            }
            Record::Generation(generation) => {
                if self.generations.len() >= REMEMBERED {
                    self.generations.pop_first();
                }
                let number = generation.generation;
                self.generations.insert(number, Arc::new(generation));
                Ok(None)
            }
            Record::Anchors(anchors) => {
                let digest = *anchors.anchors.digest();
                if digest != anchors.digest {
                    return Err("trust anchors are not those that their digest names".into());
                }
                if self.anchors.len() >= REMEMBERED {
                    self.anchors.pop_first();
                }
                self.anchors.insert(digest, anchors.anchors);
                Ok(None)
            }
            Record::Dropped(dropped) => Ok(Some(Recorded::Dropped(dropped.dropped))),
            Record::Decision(decision) => self.decision(decision).map(Some),
            _ => Err("a record of a kind that this program does not know".into()),
        }
    }

    fn decision(&self, mut decision: Box<Decision>) -> Result<Recorded, String> {
        let number = decision.generation;
        let generation = self.generations.get(&number).ok_or_else(|| {
            format!(
                "decision {} names generation {number}, which the log does not tell of",
                decision.id
            )
        })?;
        let request = match decision.request.take() {
            None => None,
            Some(request) => Some(self.request(&decision, *request)?),
        };
        Ok(Recorded::Decision {
            line: self.line,
            start: Arc::clone(&self.start),
            generation: Arc::clone(generation),
            decision,
            request,
        })
    }

    /// The request with its anchors. It counts only when it is the one that the digest names.
    fn request(&self, decision: &Decision, mut request: Request) -> Result<Arc<Request>, String> {
        if let Some(anchors) = &decision.anchors {
            let known = self.anchors.get(anchors).ok_or_else(|| {
                format!(
                    "decision {} names trust anchors that the log does not tell of",
                    decision.id
                )
            })?;
            request.anchors = Arc::clone(known);
        }
        request.check().map_err(|error| error.to_string())?;
        if request.digest() != decision.request_digest {
            let text = format!(
                "the request of decision {} is not the one that its digest names",
                decision.id
            );
            return Err(text);
        }
        Ok(Arc::new(request))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = io::Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let text = match self.next_line() {
                Ok(None) => break,
                Ok(Some(text)) => text,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            };
            if text.as_ref().is_ok_and(|text| text.trim().is_empty()) {
                continue;
            }
            match text.and_then(|text| self.take(&text)) {
                Ok(None) => {}
                Ok(Some(recorded)) => return Some(Ok(recorded)),
                Err(reason) => {
                    let reason: String = printable(&reason).chars().take(SHOWN).collect();
                    let line = self.line;
                    return Some(Ok(Recorded::Unreadable { line, reason }));
                }
            }
        }
        self.ended = true;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(log: &[u8]) -> Vec<Recorded> {
        Reader::new(log).map(Result::unwrap).collect()
    }

    #[test]
    fn what_is_no_record_is_told_with_its_line_and_passed_over() {
        let log = [
            b"\xff\xfe\n".as_slice(),
            b"{\"version\":2,\"record\":\"start\"}\n",
            b"\n",
            b"{\"version\":1,\"record\":\"dropped\",\"dropped\":3}\n",
            b"{\"version\":1,\"record\":\"dro",
        ]
        .concat();
        let read = read(&log);
        let unreadable = |recorded: &Recorded, number, text| match recorded {
            Recorded::Unreadable { line, reason } => *line == number && reason.contains(text),
            _ => false,
        };
        assert_eq!(read.len(), 4);
        assert!(unreadable(&read[0], 1, "no UTF-8"));
        assert!(unreadable(&read[1], 2, "version 2"));
        assert!(matches!(read[2], Recorded::Dropped(3)));
        assert!(unreadable(&read[3], 5, "half a line"));
    }

    #[test]
    fn a_line_without_an_end_costs_no_more_memory_than_the_bound() {
        let endless = io::Read::chain(
            io::Read::take(io::repeat(b'['), (LINE_OCTETS + 9) as u64),
            &b"\n{}\n"[..],
        );
        let read: Vec<_> = Reader::new(io::BufReader::new(endless))
            .map(Result::unwrap)
            .collect();
        assert!(matches!(
            &read[..],
            [
                Recorded::Unreadable { line: 1, .. },
                Recorded::Unreadable { line: 2, .. }
            ]
        ));
    }
}
