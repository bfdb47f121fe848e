//! What a stub resolver says: to its clients, and for them to a server. Pure: no socket, no clock.
//!
//! * [`read`]: what a client sent, which is answered at once or is a question, [`Asked`];
//! * [`answer_locally`]: questions that no server is asked;
//! * [`Kept`]: an answer as it came, for how long it may be given again, and each client's reply made of it.

mod kept;
mod local;
mod query;
mod reply;
mod wire;

pub use kept::{Bounds, Kept, Word};
pub use local::answer as answer_locally;
pub use query::{Asked, Edns, Incoming, read};
pub use reply::{ExtendedError, Head, datagram, reply};
pub use wire::Malformed;

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use hickory_proto::{
        op::{Edns, Message, MessageType, OpCode, Query},
        rr::{Name, RecordType},
    };

    /// A recursive query with EDNS and DO, as a client of others makes it.
    pub(super) fn query(name: &str, rtype: u16) -> Vec<u8> {
        let mut message = Message::new(77, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        let name = Name::from_ascii(name).unwrap();
        message.add_query(Query::query(name, RecordType::from(rtype)));
        let mut edns = Edns::new();
        edns.set_dnssec_ok(true);
        message.set_edns(edns);
        message.to_vec().unwrap()
    }
}
