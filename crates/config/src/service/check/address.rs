//! `tcp`: a port that has to take a connection.

use crate::diagnostic::Problem;
use crate::read::text::{For, expanded};
use crate::read::{Reader, Value};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use toml::de::DeValue;

/// Where a probe connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an IP address; one of version 6 without its brackets. Never empty.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

/// As it stands in a config or a URL: version 6 in brackets.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text is no address. It never repeats the text, which may hold what a variable stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AddressError {
    #[error("it has no host")]
    NoHost,
    #[error("it has no port")]
    NoPort,
    #[error("its port is none from 1 to 65535")]
    Port,
    #[error("an IPv6 address stands in brackets")]
    NoBrackets,
    #[error("what stands in brackets is no IPv6 address")]
    Ipv6,
    #[error("its host looks like an IPv4 address, but is none")]
    Ipv4,
    #[error("its host is no name: it is made of letters, digits, '-', '_' and '.'")]
    Name,
    #[error("it is a URL")]
    Url,
}

/// The longest name of a host, in bytes (RFC 1035).
const HOST_MAX: usize = 253;

impl Address {
    /// Reads `host:port`; without a port it is `default`, if there is one.
    pub(super) fn parse(text: &str, default: Option<u16>) -> Result<Self, AddressError> {
        if text.contains("//") {
            return Err(AddressError::Url);
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or(AddressError::Ipv6)?;
                host.parse::<Ipv6Addr>().map_err(|_| AddressError::Ipv6)?;
                let port = match port.strip_prefix(':') {
                    Some(port) => Some(port),
                    None if port.is_empty() => None,
                    None => return Err(AddressError::Ipv6),
                };
                (host, port)
            }
            None if text.matches(':').count() > 1 => return Err(AddressError::NoBrackets),
            None => {
                let (host, port) =
                    text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
                check_name(host)?;
                (host, port)
            }
        };
        let port = match port {
            Some(port) => self::port(port)?,
            None => default.ok_or(AddressError::NoPort)?,
        };
        Ok(Self { host: host.to_owned(), port })
    }
}

fn port(text: &str) -> Result<u16, AddressError> {
    if text.is_empty() {
        return Err(AddressError::NoPort);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse::<u16>().ok().filter(|port| digits && *port != 0);
    port.ok_or(AddressError::Port)
}

fn check_name(host: &str) -> Result<(), AddressError> {
    if host.is_empty() {
        return Err(AddressError::NoHost);
    }
    let numeric = host.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if numeric {
        return host.parse::<Ipv4Addr>().map(|_| ()).map_err(|_| AddressError::Ipv4);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let fits = host.len() <= HOST_MAX && host.chars().all(plain);
    if fits && !host.starts_with(['.', '-']) { Ok(()) } else { Err(AddressError::Name) }
}

/// Reads the address under `tcp`.
pub(super) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Option<Address> {
    if let DeValue::Integer(port) = value.toml {
        let help = format!("write tcp = \"127.0.0.1:{port}\"");
        reader.error(value.wrong_type("an address in quotes", help));
        return None;
    }
    let text = expanded(reader, value, For::Program)?;
    let read = Address::parse(&text, None).map_err(|error| {
        let help = match error {
            AddressError::NoBrackets | AddressError::Ipv6 => "write tcp = \"[::1]:8080\"",
            AddressError::Url => {
                "for a page, write http = \"http://…\"; for a port, tcp = \
                                  \"127.0.0.1:8080\""
            }
            AddressError::NoHost
            | AddressError::NoPort
            | AddressError::Port
            | AddressError::Ipv4
            | AddressError::Name => "write host and port: tcp = \"127.0.0.1:8080\"",
        };
        Problem::new(value.span, format!("`tcp` is no address: {error}"), help)
    });
    reader.keep(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses() {
        for text in [
            "127.0.0.1:8080",
            "localhost:1",
            "db_1.internal:65535",
            "0.0.0.0:80",
            "[::1]:80",
            "[2001:db8::1]:443",
        ] {
            let address = Address::parse(text, None).unwrap();
            assert_eq!(address.to_string(), text);
        }
        let bare = Address::parse("[::1]", Some(80)).unwrap();
        assert_eq!((bare.host.as_str(), bare.port), ("::1", 80));
        assert_eq!(Address::parse("localhost", Some(80)).unwrap().port, 80);
    }

    #[test]
    fn bad_addresses() {
        let long = format!("{}:80", "x".repeat(254));
        let table = [
            ("", AddressError::NoHost),
            (":8080", AddressError::NoHost),
            ("localhost", AddressError::NoPort),
            ("localhost:", AddressError::NoPort),
            ("8080", AddressError::Ipv4),
            ("localhost:0", AddressError::Port),
            ("localhost:65536", AddressError::Port),
            ("localhost:+80", AddressError::Port),
            ("localhost: 80", AddressError::Port),
            ("localhost:http", AddressError::Port),
            ("256.1.1.1:80", AddressError::Ipv4),
            ("127.1:80", AddressError::Ipv4),
            ("::1:8080", AddressError::NoBrackets),
            ("[::1:80", AddressError::Ipv6),
            ("[localhost]:80", AddressError::Ipv6),
            ("[::1]80", AddressError::Ipv6),
            ("[::1]", AddressError::NoPort),
            ("a b:80", AddressError::Name),
            ("grün:80", AddressError::Name),
            ("-x:80", AddressError::Name),
            ("user@host:80", AddressError::Name),
            (long.as_str(), AddressError::Name),
            ("tcp://localhost:80", AddressError::Url),
        ];
        for (text, error) in table {
            assert_eq!(Address::parse(text, None), Err(error), "{text}");
        }
    }
}
