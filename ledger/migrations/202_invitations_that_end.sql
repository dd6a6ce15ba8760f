-- Of a partner that is connected `invite_sha256` is a token that it may have been given in a handshake that we began, unless
-- `invite_until` is set: then it is the one by which it registered, whose answer it may never have read. That one opens
-- versions and credentials alone, and until then.
ALTER TABLE access.ocpi_partner ADD COLUMN invite_until timestamptz;
