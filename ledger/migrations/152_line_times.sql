-- When a payable line acts and by what kind of entry, beside what it is worth: whoever explains a payout of many lines
-- need not look up each of their entries.
ALTER TABLE intake.line ADD COLUMN effective_at timestamptz, ADD COLUMN kind text COLLATE "C";
UPDATE intake.line AS line SET effective_at = entry.effective_at, kind = entry.kind
FROM book.entry AS entry
WHERE entry.entry_id = line.entry_id;

-- What is not paid yet of an operator, in the order of time, whether it is released or not. No index has a release in it,
-- so that a release that moves touches none.
DROP INDEX intake.line_payable_idx;
CREATE INDEX line_unpaid_idx ON intake.line (operator_id, effective_at, entry_id) WHERE payout_id IS NULL;
