//! A server's own thread, so that blocking tests, async tests and programs can all use the lab.

use std::future::Future;
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use anyhow::{Context as _, Result};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// A thread that serves until this value is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a thread with an event loop of its own. `setup` runs inside that loop, and its failure is the caller's.
    pub(crate) fn start<S, F>(name: &str, setup: S) -> Result<Self>
    where
        S: FnOnce() -> Result<F> + Send + 'static,
        F: Future<Output = ()>,
    {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, outcome) = mpsc::channel::<Result<()>>();
        let thread = Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = ready.send(Err(error.into()));
                    return;
                }
            };
            runtime.block_on(async move {
                match setup() {
                    Ok(serving) => {
                        let _ = ready.send(Ok(()));
                        tokio::select! {
                            () = serving => {}
                            _ = stopped => {}
                        }
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            });
        })?;
        outcome
            .recv()
            .context("the server's thread ended before it was ready")??;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Starts a thread that has each connection to these listeners served. How a connection ends is the client's affair; what
    /// matters stands in journals.
    pub(crate) fn serving<S, F>(name: &str, listeners: Vec<TcpListener>, serve: S) -> Result<Self>
    where
        S: Fn(TcpStream) -> F + Clone + Send + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        Self::start(name, move || {
            let mut listening = Vec::new();
            for listener in listeners {
                listening.push(tokio::net::TcpListener::from_std(listener)?);
            }
            Ok(async move {
                let mut tasks = JoinSet::new();
                for listener in listening {
                    tasks.spawn(accept(listener, serve.clone()));
                }
                tasks.join_all().await;
            })
        })
    }
}

async fn accept<S, F>(listener: tokio::net::TcpListener, serve: S)
where
    S: Fn(TcpStream) -> F,
    F: Future<Output = Result<()>> + Send + 'static,
{
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Dropping the sender is the signal; joining makes sure that the port is free again.
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
