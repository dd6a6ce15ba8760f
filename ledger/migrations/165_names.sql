-- Names are compared here as decisions compare them: also without spaces that make no difference. Of two people who
-- would be one by that the second keeps the form that it had, which finds nobody any more.
UPDATE access.person AS known SET folded = new.folded
FROM (
    SELECT DISTINCT ON (btrim(regexp_replace(folded, ' +', ' ', 'g'))) name,
           btrim(regexp_replace(folded, ' +', ' ', 'g')) AS folded
    FROM access.person ORDER BY 2, folded = btrim(regexp_replace(folded, ' +', ' ', 'g')) DESC, created_at
) AS new
WHERE known.name = new.name AND known.folded <> new.folded;
