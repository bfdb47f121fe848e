//! What the network says of encrypted resolvers while the daemon runs (RFC 9463): asked again before it ends, and when the interface has
//! other addresses.

use std::{convert::Infallible, sync::Arc};

use super::Daemon;
use crate::journey::{ASK, Designating};

/// Asks until it is replaced by another, or the daemon ends.
pub(super) async fn run(daemon: Arc<Daemon>, designating: Designating) -> Infallible {
    let Designating {
        mut offers,
        configured,
    } = designating;
    loop {
        match offers.next(ASK).await {
            Ok(None) => {}
            Ok(Some(said)) => {
                let options = configured.iter().cloned().chain(said).collect();
                daemon.order(daemon.stub.upstream().network_options(options).await);
            }
            Err(error) => daemon.output.log(&format!(
                "the network is not asked which resolvers it designates on {}: {error}",
                offers.interface()
            )),
        }
    }
}
