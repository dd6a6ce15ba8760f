-- When the clock looks next at an operator that is below zero, by its terms: to warn, and to say that it may be written off.
-- Those of before are looked at once.
ALTER TABLE intake.operator_finding ADD COLUMN due_at timestamptz;
UPDATE intake.operator_finding SET due_at = '1970-01-01T00:00:00Z' WHERE kind = 'NEGATIVE_BALANCE';
CREATE INDEX operator_finding_due_idx ON intake.operator_finding (due_at) WHERE due_at IS NOT NULL;
GRANT UPDATE (due_at) ON intake.operator_finding TO wattledger_writer;
