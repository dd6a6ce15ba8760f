-- A line that takes back another one (a mirror) names it. What a payout has paid and is then taken back comes off the
-- next payout whatever becomes of its share: its release is that of the line that was paid, and no longer the share's.
ALTER TABLE intake.line ADD COLUMN takes_back uuid;
UPDATE intake.line AS line SET takes_back = entry.reverses
FROM book.entry AS entry
WHERE entry.entry_id = line.entry_id AND entry.reverses IS NOT NULL;
UPDATE intake.line AS mirror SET released_at = paid.released_at, available_on = paid.available_on
FROM intake.line AS paid
WHERE paid.entry_id = mirror.takes_back AND paid.payout_id IS NOT NULL AND mirror.payout_id IS NULL;
