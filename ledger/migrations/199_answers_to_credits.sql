-- Partners answer credit CDRs, too: such an answer belongs to the session of the CDR that is credited, and waits for nobody.
INSERT INTO intake.reference (kind, ref, session_id)
SELECT kind, ref || '-C', session_id FROM intake.reference WHERE kind = 'cdr' AND ref NOT LIKE '%-C'
ON CONFLICT DO NOTHING;
