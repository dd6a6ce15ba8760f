"""Pages for people: HTML from the server that needs no script, by the components that docs/pages.md describes.

Read `page` first, then one of `subjects`. What a page shows is read by `projections`, the same way as a resource of
`/v1` reads it.
"""
