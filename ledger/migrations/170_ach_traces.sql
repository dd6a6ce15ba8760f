-- The trace number that a payout's entry has in a file of the ACH, by which banks return it; NULL in files of other forms
-- and in those of before. Other files, and other senders at the same bank, may have the same number.
ALTER TABLE intake.bank_file_payout ADD COLUMN trace text COLLATE "C";
CREATE INDEX bank_file_payout_trace_idx ON intake.bank_file_payout (trace) WHERE trace IS NOT NULL;
