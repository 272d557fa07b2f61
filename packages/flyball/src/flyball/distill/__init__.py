"""DISTIL: redact -> parse -> mask -> shape -> pattern -> counts. Bytes or records in, shape ids and counts out."""
