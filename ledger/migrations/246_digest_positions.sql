-- Up to which position of the event store the last digest of a subscription knew what came in: what is known late of days
-- before is in the next one.
ALTER TABLE access.notice_target ADD COLUMN digested_position bigint NOT NULL DEFAULT 0;
