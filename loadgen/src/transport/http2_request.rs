//! Requests for HTTP/2: heads encoded once where they are always the same, else for each request.

use std::sync::Arc;

use super::wire::Http2Request;
use crate::http2::{HeaderBlock, RequestLine, Unsendable, grpc};
use crate::requests::{Body, Kind, Mix, RequestId, Row};

/// Serialises the requests of a mix for one authority.
#[derive(Debug, Clone)]
pub struct Http2Writer {
    mix: Arc<Mix>,
    forms: Vec<Form>,
    authority: String,
    scheme: &'static str,
    grpc: bool,
}

#[derive(Debug, Clone)]
enum Form {
    /// Head and body, shared by all requests of the kind.
    Fixed(Http2Request),
    /// With values of the feed.
    Filled,
}

impl Http2Writer {
    /// `tls` decides the scheme; with `grpc` each body is one message.
    ///
    /// # Errors
    ///
    /// Fields that HTTP/2 can not carry.
    pub fn new(mix: Arc<Mix>, authority: &str, tls: bool, grpc: bool) -> Result<Self, Unsendable> {
        let scheme = if tls { "https" } else { "http" };
        let authority = authority.to_owned();
        let mut writer = Self { forms: Vec::new(), authority, scheme, grpc, mix: Arc::clone(&mix) };
        for kind in mix.kinds() {
            let fixed = kind.path.is_fixed()
                && kind.body.is_fixed()
                && kind.headers.iter().all(|(_, value)| value.is_fixed());
            let form = if fixed { Form::Fixed(writer.encode(kind, &[])?) } else { Form::Filled };
            writer.forms.push(form);
        }
        Ok(writer)
    }

    /// A request.
    ///
    /// # Errors
    ///
    /// Values of the feed that HTTP/2 can not carry.
    pub fn request(&self, request: RequestId) -> Result<Http2Request, Unsendable> {
        match &self.forms[request.kind.index()] {
            Form::Fixed((head, body)) => Ok((Arc::clone(head), Arc::clone(body))),
            Form::Filled => self.encode(self.mix.kind(request.kind), self.mix.row(request)),
        }
    }

    fn encode(&self, kind: &Kind, row: Row<'_>) -> Result<Http2Request, Unsendable> {
        let filled = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            write(&mut bytes);
            bytes
        };
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let path = text(filled(&|to| kind.path.write(row, to)));
        let body = match &kind.body {
            Body::Fixed(bytes) => bytes.clone(),
            Body::Filled(template) => filled(&|to| template.write(row, to)),
        };
        let body: Arc<[u8]> = if self.grpc { grpc::body(&body) } else { body.into() };
        let mut fields: Vec<(String, String)> = kind
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), text(filled(&|to| value.write(row, to)))))
            .collect();
        if self.grpc {
            let own = grpc::REQUEST_FIELDS.iter();
            fields.extend(own.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        }
        if !body.is_empty() {
            fields.push(("content-length".to_owned(), body.len().to_string()));
        }
        let line = RequestLine {
            method: &kind.method,
            scheme: self.scheme,
            authority: &self.authority,
            path: &path,
        };
        let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Ok((Arc::new(HeaderBlock::request(line, fields)?), body))
    }
}
