//! A row as a line of CSV (RFC 4180).

use super::Row;

/// The first line.
pub(super) const NAMES: &str = "index,id,type,state,attempts,crashes,ended,result,content_type,error_kind,error_code,error_message\r\n";

/// Appends a line. The result is its text where it is one, JSON where it is another value, base64
/// where it is bytes; the media type tells which.
pub(super) fn write(row: &Row, out: &mut Vec<u8>) {
    let error: serde_json::Value =
        row.error.as_ref().and_then(|it| serde_json::from_str(it.get()).ok()).unwrap_or_default();
    let of_error = |name: &str| error.get(name).and_then(|it| it.as_str()).unwrap_or_default();
    let result = match (&row.result, &row.result_base64) {
        (Some(json), _) => serde_json::from_str::<String>(json.get())
            .unwrap_or_else(|_no_text| json.get().to_owned()),
        (None, Some(base64)) => base64.clone(),
        (None, None) => String::new(),
    };
    let ended = row.ended.and_then(|at| serde_json::to_value(at).ok());
    let fields = [
        &row.index.to_string(),
        &row.id,
        row.kind.as_deref().unwrap_or_default(),
        row.state,
        &row.attempts.to_string(),
        &row.crashes.to_string(),
        ended.as_ref().and_then(|at| at.as_str()).unwrap_or_default(),
        &result,
        row.content_type.as_deref().unwrap_or_default(),
        of_error("kind"),
        of_error("code"),
        of_error("message"),
    ];
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push(field, out);
    }
    out.extend_from_slice(b"\r\n");
}

fn push(field: &str, out: &mut Vec<u8>) {
    if !field.contains([',', '"', '\r', '\n']) {
        return out.extend_from_slice(field.as_bytes());
    }
    out.push(b'"');
    out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::listed;
    use super::*;
    use hearken_store::Listed;

    #[test]
    fn what_would_break_a_line_is_quoted() {
        let error = r#"{"kind":"invalid","code":"no.name","message":"\"a\", or\nb"}"#;
        let row =
            Row::new(3, Listed { last_error: Some(error.into()), ..listed(7) }, None).unwrap();
        let mut out = Vec::new();
        write(&row, &mut out);
        let line = String::from_utf8(out).unwrap();
        assert_eq!(
            line,
            "3,00000000-0000-0000-0000-000000000007,,waiting,0,0,,,,invalid,no.name,\"\"\"a\"\", or\nb\"\r\n"
        );
        assert_eq!(NAMES.split(',').count(), 12);
    }
}
