"""The ground that the book stands on: tables, guards and rights are those of this version, and none are beside.

What there should be stands in `ground.json`, of a database that was just migrated (a test compares it with one, and
writes it anew with WATTLEDGER_TEST_WRITES=1). It is read from PostgreSQL's catalogue and not from the migrations, so
that what somebody does to the schema by hand is found, whatever the migrations' record says.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot, open_snapshot

REFERENCE = Path(__file__).with_name("ground.json")

# Schemas that hold what money depends on, or what one operator may see and another may not; a site's own schemas
# beside them are its own.
SCHEMAS = [
    "access",
    "book",
    "event_store",
    "intake",
    "load",
    "lock",
    "masked",
    "projection",
    "roaming",
    "surface",
    "wattledger",
]
_KINDS = ("owner", "writer", "projector", "bank", "reader", "auditor", "tenant", "door")
ROLES = [f"wattledger_{kind}" for kind in _KINDS]
# Without these a commit may be lost with the machine.
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
# Rights by which nothing is changed; a site may let its own logins read.
_HARMLESS = {"SELECT", "USAGE"}

# Each query gives (kind, name, state, text): `state` is compared on every server, `text` only on one of the same
# major version, since versions write definitions differently.
_TABLES = """
SELECT 'table', nspname || '.' || relname,
       format('kind %%s, %%s, owner %%s, row security %%s%%s', relkind, relpersistence, relowner::regrole,
              relrowsecurity, CASE WHEN relforcerowsecurity THEN ' forced' ELSE '' END),
       CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(pg_class.oid) ELSE '' END
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s) AND relkind IN ('r', 'v', 'm', 'p', 'f')
"""
_COLUMNS = """
SELECT 'column', nspname || '.' || relname || '.' || attname,
       format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END
           || CASE attidentity WHEN '' THEN '' ELSE ' identity ' || attidentity::text END
           || CASE attgenerated WHEN '' THEN '' ELSE ' generated' END,
       coalesce(pg_get_expr(adbin, adrelid), '')
FROM pg_attribute
JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
WHERE nspname = ANY (%(schemas)s) AND relkind IN ('r', 'p', 'f') AND attnum > 0 AND NOT attisdropped
"""
# That a column is not null is said with the column.
_CONSTRAINTS = """
SELECT 'constraint', nspname || '.' || relname || '.' || conname,
       format('%%s, validated %%s%%s', contype, convalidated, (
           SELECT ', triggers ' || string_agg(tgenabled::text, '' ORDER BY tgenabled)
           FROM pg_trigger WHERE tgconstraint = pg_constraint.oid AND tgisinternal
       )),
       pg_get_constraintdef(pg_constraint.oid)
FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s) AND contype <> 'n'
"""
# Those of constraints are said with them, and others than unique ones hold nothing back.
_INDEXES = """
SELECT 'index', nspname || '.' || relname, format('valid %%s, unique %%s', indisvalid, indisunique),
       CASE WHEN indisunique AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
            THEN pg_get_indexdef(indexrelid) ELSE '' END
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s)
"""
_TRIGGERS = """
SELECT 'trigger', nspname || '.' || relname || '.' || tgname, 'enabled ' || tgenabled::text,
       pg_get_triggerdef(pg_trigger.oid)
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s) AND NOT tgisinternal
UNION ALL
SELECT 'event trigger', evtname, 'enabled ' || evtenabled::text, evtfoid::regproc::text FROM pg_event_trigger
"""
_RULES = """
SELECT 'rule', nspname || '.' || relname || '.' || rulename, 'enabled ' || ev_enabled::text,
       pg_get_ruledef(pg_rewrite.oid)
FROM pg_rewrite JOIN pg_class ON pg_class.oid = ev_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s) AND rulename <> '_RETURN'
"""
_POLICIES = """
SELECT 'policy', nspname || '.' || relname || '.' || polname,
       format('%%s for %%s to %%s', CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END, polcmd,
              array_to_string(ARRAY(
                  SELECT coalesce(rolname::text, 'public') FROM unnest(polroles) AS each
                  LEFT JOIN pg_roles ON pg_roles.oid = each ORDER BY 1
              ), ', ')),
       concat_ws(' / ', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
FROM pg_policy JOIN pg_class ON pg_class.oid = polrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = ANY (%(schemas)s)
"""
# A function's text is as it was written, on every version.
_FUNCTIONS = """
SELECT 'function', format('%%s.%%s(%%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)),
       format('owner %%s, %%s, %%s%%s, text %%s', proowner::regrole, provolatile,
              CASE WHEN prosecdef THEN 'security definer' ELSE 'invoker' END,
              ', ' || array_to_string(proconfig, ', '), encode(sha256(convert_to(prosrc, 'UTF8')), 'hex')),
       pg_get_function_result(pg_proc.oid)
FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
WHERE nspname = ANY (%(schemas)s)
"""
_RIGHTS = """
WITH given AS (
    SELECT 'schema ' || nspname AS what, acl.* FROM pg_namespace,
           aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl WHERE nspname = ANY (%(schemas)s)
    UNION ALL
    SELECT nspname || '.' || relname, acl.* FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace,
           aclexplode(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)))
               AS acl
    WHERE nspname = ANY (%(schemas)s) AND relkind IN ('r', 'v', 'm', 'p', 'f', 'S')
    UNION ALL
    SELECT nspname || '.' || relname || '.' || attname, acl.*
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace,
         aclexplode(attacl) AS acl
    WHERE nspname = ANY (%(schemas)s) AND NOT attisdropped
    UNION ALL
    SELECT format('%%s.%%s(%%s)', nspname, proname, pg_get_function_identity_arguments(pg_proc.oid)), acl.*
    FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace,
         aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
    WHERE nspname = ANY (%(schemas)s)
)
SELECT 'right', format('%%s on %%s of %%s', privilege_type, what,
                       CASE grantee WHEN 0 THEN 'public' ELSE grantee::regrole::text END),
       CASE WHEN bool_or(is_grantable) THEN 'may be passed on' ELSE '' END, ''
FROM given WHERE grantee <> %(owner)s::regrole GROUP BY privilege_type, what, grantee
"""
_ROLES = """
SELECT 'role', rolname::text,
       format('superuser %%s, log-in %%s, bypasses row security %%s, makes roles %%s', rolsuper, rolcanlogin,
              rolbypassrls, rolcreaterole), ''
FROM pg_roles WHERE rolname = ANY (%(roles)s)
UNION ALL
SELECT 'setting', format('%%s of %%s', split_part(each, '=', 1),
                         CASE setrole WHEN 0 THEN 'everybody' ELSE setrole::regrole::text END), each, ''
FROM pg_db_role_setting, unnest(setconfig) AS each
WHERE split_part(each, '=', 1) IN ('session_replication_role', 'fsync', 'full_page_writes', 'synchronous_commit',
                                   'row_security')
"""
_MIGRATIONS = "SELECT 'migration', number || '_' || name, sha256, '' FROM wattledger.migration"
_QUERIES = (_TABLES, _COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, _RULES, _POLICIES, _FUNCTIONS, _RIGHTS, _ROLES)

_SETTING = "SELECT name, setting FROM pg_settings WHERE name = ANY (%(names)s)"
_MAJOR = "SELECT current_setting('server_version_num')::int / 10000"


def check_ground(snapshot: Snapshot, tally: Tally) -> None:
    """Everything that this version makes is there as it makes it, and nothing of the kind is there beside it."""
    reference = _reference()
    ((major,),) = snapshot.rows(_MAJOR)
    texts_agree = major == reference["server_major"]
    expected: Mapping[str, list[str]] = reference["objects"]
    found = read_ground(snapshot)
    for name in sorted(expected.keys() | found.keys()):
        tally.examined += 1
        should, is_ = expected.get(name), found.get(name)
        if is_ is None:
            tally.note(name, "as this version makes it", "nothing", f"{name} is gone")
        elif should is None:
            if not _is_harmless(name, expected):
                tally.note(name, "nothing", is_[0], f"{name} is none of this version's ({is_[0]})".replace(" ()", ""))
        elif should[0] != is_[0]:
            tally.note(name, should[0], is_[0], f"{name} should be {should[0]!r} and is {is_[0]!r}")
        elif texts_agree and should[1] != is_[1]:
            tally.note(name, should[1], is_[1], f"{name} has another definition than this version gives it")
    for name, setting in snapshot.rows(_SETTING, {"names": list(_DURABLE)}):
        tally.examined += 1
        tally.compare(f"setting {name}", True, setting != "off", "what makes commits durable")


def read_ground(snapshot: Snapshot) -> dict[str, list[str]]:
    """What there is: the state of each object and the start of its definition's SHA-256, by kind and name."""
    found: dict[str, list[str]] = {}
    for query in _QUERIES:
        _add(found, snapshot.rows(query, {"schemas": SCHEMAS, "roles": ROLES, "owner": ROLES[0]}))
    if "table wattledger.migration" in found:
        _add(found, snapshot.rows(_MIGRATIONS))
    return found


def _add(found: dict[str, list[str]], rows: Iterable[tuple[Any, ...]]) -> None:
    for kind, name, state, text in rows:
        found[f"{kind} {name}"] = [state, sha256(text.encode()).hexdigest()[:16] if text else ""]


def _is_harmless(name: str, expected: Mapping[str, object]) -> bool:
    """Whether something that is not ours changes nothing: a right to read of a login that is not ours either."""
    kind, _, right = name.partition(" ")
    what, grantee = right.partition(" ")[0], right.rpartition(" of ")[2]
    return kind == "right" and what in _HARMLESS and grantee != "public" and f"role {grantee}" not in expected


@cache
def _reference() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return found


def written(dsn: str) -> str:
    """The reference as it should be, of a database that was just migrated: an object a line."""
    with open_snapshot(dsn) as snapshot:
        ((major,),) = snapshot.rows(_MAJOR)
        found = read_ground(snapshot)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    return f'{{"server_major": {major}, "objects": {{\n{lines}\n}}}}\n'
