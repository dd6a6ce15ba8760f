-- Proofs (docs/proofs.md): a Merkle tree over all entries of the journal, in the form of RFC 6962, and signed anchors of
-- it, which leave. Entries join the tree in the order in which they are anchored, and stay there for ever. Whoever anchors
-- pays for what is new since the last time, and nobody who writes waits for it.

-- Entries that were committed since are found by their transactions. The key had the same columns the other way round:
-- now new ones come in at its end, and no other index is needed.
ALTER TABLE book.posting DROP CONSTRAINT posting_entry_fkey;
ALTER TABLE book.entry DROP CONSTRAINT entry_tx_key;
ALTER TABLE book.entry ADD CONSTRAINT entry_tx_key UNIQUE (tx, entry_id);
ALTER TABLE book.posting ADD CONSTRAINT posting_entry_fkey FOREIGN KEY (entry_id, tx)
    REFERENCES book.entry (entry_id, tx) DEFERRABLE INITIALLY DEFERRED;

-- The entries in the order of the tree, from 0 on, each with the hash of its leaf.
CREATE TABLE book.leaf (
    index bigint PRIMARY KEY CHECK (index >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    entry_id uuid NOT NULL,
    CONSTRAINT leaf_entry_key UNIQUE (entry_id)
);

-- The nodes of the tree that are over as many leaves as they will ever be: 2 ^ level of them, from index * 2 ^ level on.
-- No such node changes when the tree grows.
CREATE TABLE book.tree_node (
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 62),
    index bigint NOT NULL CHECK (index >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (level, index)
);

-- The tree at each of its sizes that was anchored. No transaction before `horizon` was under way any more when its
-- entries were looked for, so that whoever looks for the next ones begins there. Another `cluster` counts its
-- transactions anew: a store that was moved is looked through once.
CREATE TABLE book.tree (
    size bigint PRIMARY KEY CHECK (size >= 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    horizon xid8 NOT NULL,
    cluster bigint NOT NULL,
    grown_at timestamptz NOT NULL,
    UNIQUE (size, root)
);

-- The public keys by which anchors are signed, and by which key each was introduced: `signature` is of that one. The first
-- was by nobody, and so is one whose predecessor was lost: those signed for themselves.
CREATE TABLE book.anchor_key (
    key_id text COLLATE "C" PRIMARY KEY CHECK (key_id ~ '^[0-9a-f]{32}$'),
    public_key bytea NOT NULL CHECK (octet_length(public_key) = 32),
    introduced_at timestamptz NOT NULL,
    introduced_by text COLLATE "C" REFERENCES book.anchor_key,
    signature bytea NOT NULL CHECK (octet_length(signature) = 64)
);

-- What was signed of the tree: each anchor names the one before it by the hash of its text.
CREATE TABLE book.anchor (
    number bigint PRIMARY KEY CHECK (number >= 1),
    book uuid NOT NULL,
    tree_size bigint NOT NULL,
    root bytea NOT NULL,
    previous bytea NOT NULL CHECK (octet_length(previous) = 32),
    anchored_at timestamptz NOT NULL CHECK (isfinite(anchored_at)),
    reason text COLLATE "C" NOT NULL CHECK (reason IN ('BATCH', 'CLOSE', 'TIME')),
    key_id text COLLATE "C" NOT NULL REFERENCES book.anchor_key,
    signature bytea NOT NULL CHECK (octet_length(signature) = 64),
    FOREIGN KEY (tree_size, root) REFERENCES book.tree (size, root)
);

-- One at a time anchors.
CREATE TABLE lock.anchors ();
GRANT DELETE ON lock.anchors TO wattledger_writer;

-- Let all entries join the tree that are committed and have not; its size and root then. As the owner, so that nobody
-- who writes entries may write here. The plans go by the keys: what is looked at grows with what is new.
CREATE FUNCTION book.grow_tree(OUT tree_size bigint, OUT tree_root bytea, OUT added bigint)
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    before book.tree;
    of_zone text NOT NULL := (SELECT coalesce(zone, 'UTC') FROM book.calendar);
    here bigint NOT NULL := (SELECT system_identifier FROM pg_control_system());
    -- Taken before the entries are: whoever was under way now and commits meanwhile is found, or next time.
    seen pg_snapshot;
    since xid8 NOT NULL := '0';
    up_to xid8;
    first_new bigint;
    end_new bigint;
    peak bytea;
BEGIN
    LOCK TABLE lock.anchors IN EXCLUSIVE MODE;
    SELECT * INTO before FROM book.tree ORDER BY size DESC LIMIT 1;
    tree_size := coalesce(before.size, 0);
    seen := pg_current_snapshot();
    IF before.cluster = here AND before.horizon <= pg_snapshot_xmin(seen) THEN
        since := before.horizon;
        -- What another cluster numbered higher is in the tree, and need not be looked at.
        up_to := pg_snapshot_xmax(seen);
    END IF;

    INSERT INTO book.leaf (index, hash, entry_id)
    SELECT before_size + row_number() OVER () - 1,
           sha256('\x00'::bytea || convert_to(
               E'wattledger-leaf-1\n' || encode(uuid_send(new.entry_id), 'hex') || E'\n' || new.hash_version || E'\n'
               || encode(new.hash, 'hex') || E'\n' || (extract(epoch FROM new.recorded_at) * 1000000)::bigint || E'\n'
               || new.booked_in || E'\n', 'UTF8')),
           new.entry_id
    FROM (
        SELECT tree_size AS before_size, entry.entry_id, entry.hash_version, entry.hash, entry.recorded_at,
               coalesce(late.booked_in, CASE WHEN of_zone = 'UTC' THEN entry.period
                                        ELSE book.month_of(entry.effective_at, of_zone) END) AS booked_in
        FROM book.entry LEFT JOIN book.late_entry AS late USING (entry_id)
        WHERE entry.tx >= since AND (up_to IS NULL OR entry.tx < up_to)
              AND NOT EXISTS (SELECT FROM book.leaf WHERE leaf.entry_id = entry.entry_id)
        ORDER BY entry.tx, entry.entry_id
    ) AS new;
    GET DIAGNOSTICS added = ROW_COUNT;
    IF added = 0 AND before.size IS NOT NULL THEN
        tree_root := before.root;
        RETURN;
    END IF;

    tree_size := tree_size + added;
    FOR of_level IN 1..62 LOOP
        first_new := coalesce(before.size, 0) >> of_level;
        end_new := tree_size >> of_level;
        EXIT WHEN end_new = 0;
        INSERT INTO book.tree_node (level, index, hash)
        SELECT of_level, halves.index >> 1, sha256('\x01'::bytea || halves.hash || halves.next)
        FROM (
            SELECT below.index, below.hash, lead(below.hash) OVER (ORDER BY below.index) AS next
            FROM (
                SELECT leaf.index, leaf.hash FROM book.leaf
                WHERE of_level = 1 AND leaf.index >= first_new * 2 AND leaf.index < end_new * 2
                UNION ALL
                SELECT node.index, node.hash FROM book.tree_node AS node
                WHERE of_level > 1 AND node.level = of_level - 1
                      AND node.index >= first_new * 2 AND node.index < end_new * 2
            ) AS below
        ) AS halves
        WHERE halves.index & 1 = 0
        ORDER BY halves.index;
    END LOOP;

    -- The root: the nodes at the right end, from the smallest on.
    FOR of_level IN 0..62 LOOP
        CONTINUE WHEN (tree_size >> of_level) & 1 = 0;
        IF of_level = 0 THEN
            SELECT hash INTO STRICT peak FROM book.leaf WHERE index = tree_size - 1;
        ELSE
            SELECT hash INTO STRICT peak FROM book.tree_node
            WHERE level = of_level AND index = (tree_size >> of_level) - 1;
        END IF;
        tree_root := CASE WHEN tree_root IS NULL THEN peak ELSE sha256('\x01'::bytea || peak || tree_root) END;
    END LOOP;
    tree_root := coalesce(tree_root, sha256(''));
    INSERT INTO book.tree (size, root, horizon, cluster, grown_at)
    VALUES (tree_size, tree_root, pg_snapshot_xmin(seen), here, clock_timestamp());
END
$$;
REVOKE EXECUTE ON FUNCTION book.grow_tree FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book.grow_tree TO wattledger_writer;
GRANT INSERT ON book.anchor, book.anchor_key TO wattledger_writer;

DO $guards$
DECLARE
    kept text;
BEGIN
    FOREACH kept IN ARRAY ARRAY['leaf', 'tree_node', 'tree', 'anchor_key', 'anchor'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON book.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change()', kept);
        EXECUTE format('ALTER TABLE book.%I ENABLE ALWAYS TRIGGER append_only', kept);
    END LOOP;
END
$guards$;

-- As 003 does: keys between tables also hold in a session that has set session_replication_role to replica.
RESET ROLE;
DO $harden$
DECLARE
    foreign_key_trigger record;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    FOR foreign_key_trigger IN
        SELECT trigger.tgrelid::regclass AS table_name, trigger.tgname
        FROM pg_catalog.pg_trigger AS trigger
        JOIN pg_catalog.pg_constraint AS key ON key.oid = trigger.tgconstraint
        WHERE trigger.tgisinternal AND key.contype = 'f'
          AND key.conrelid IN ('book.posting'::regclass, 'book.entry'::regclass, 'book.anchor'::regclass,
                               'book.anchor_key'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I',
                       foreign_key_trigger.table_name, foreign_key_trigger.tgname);
    END LOOP;
END
$harden$;
