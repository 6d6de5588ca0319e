//! How many signatures a second aws-lc-rs makes on this machine, for `cargo xtask bench`: every token is signed, so
//! this bounds what the server can issue.
//!
//! `sign_rate RS256|ES256 <threads> <seconds>` prints two numbers: signatures a second of the clock on all threads
//! together, and signatures a second of processor time.
#![expect(clippy::print_stdout, reason = "the numbers are what this program is for")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// As long as the signing input of an access token.
const MESSAGE: &[u8] = &[b'x'; 600];

/// Unit of the times in `/proc`, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

enum Key {
    Rsa(RsaKeyPair),
    Ecdsa(EcdsaKeyPair),
}

impl Key {
    fn generate(alg: &str) -> Option<Self> {
        match alg {
            "RS256" => RsaKeyPair::generate(KeySize::Rsa2048).ok().map(Self::Rsa),
            "ES256" => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok().map(Self::Ecdsa),
            _ => None,
        }
    }

    fn sign(&self) -> Result<(), Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, MESSAGE, &mut signature)
            }
            Self::Ecdsa(key) => key.sign(&random, MESSAGE).map(drop),
        }
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [alg, threads, seconds] = args.as_slice() else { return usage() };
    let (Ok(threads), Ok(seconds)) = (threads.parse::<u32>(), seconds.parse()) else { return usage() };
    let Some(key) = Key::generate(alg).map(Arc::new) else { return usage() };
    let before = processor_seconds();
    let begun = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let key = Arc::clone(&key);
            thread::spawn(move || signatures(&key, begun, Duration::from_secs(seconds)))
        })
        .collect();
    let total: u32 = workers.into_iter().map(|worker| worker.join().unwrap_or(0)).sum();
    let rate = f64::from(total) / begun.elapsed().as_secs_f64();
    let per_processor = before.zip(processor_seconds()).map_or(f64::NAN, |(a, b)| f64::from(total) / (b - a));
    println!("{rate:.0} {per_processor:.0}");
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("sign_rate RS256|ES256 <threads> <seconds>");
    ExitCode::FAILURE
}

fn signatures(key: &Key, begun: Instant, time: Duration) -> u32 {
    let mut made = 0;
    while begun.elapsed() < time && key.sign().is_ok() {
        made += 1;
    }
    made
}

/// Time this process has spent on processors; `None` where there is no `/proc`.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    // proc(5): utime is field 14 and stime 15; the first after the name is field 3.
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) / TICKS_PER_SECOND)
}
