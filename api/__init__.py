"""HTTP for people and partners: finance, pages, OCPI. Empty so far.

Here belong routes: what is asked, and who may ask it. Answers are documents of `projections.documents`; what is done
is done by `engine`. No SQL, no Kafka, no rule of money; `wattledger` alone imports it, to run it. CONTRIBUTING.md
says how an endpoint comes about.
"""
