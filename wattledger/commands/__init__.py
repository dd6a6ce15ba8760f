"""What each command does, with what it prints; loaded only when a command runs."""

from wattledger.commands.book import balance
from wattledger.commands.cdrs import cdrs
from wattledger.commands.deadletters import deadletter_list, deadletter_replay, deadletter_show
from wattledger.commands.energy import leakage
from wattledger.commands.live import consume, migrate, payouts_run, project, up
from wattledger.commands.pricing import PriceWish, price
from wattledger.commands.reading import balances, export, payouts_list, rebuild, schemas, session, verify
from wattledger.commands.rerate import rerate, tariff_orders
from wattledger.commands.settling import demo, publish, settle
from wattledger.commands.tariffs import tariff_lint, tariff_list

__all__ = [
    "PriceWish",
    "balance",
    "balances",
    "cdrs",
    "consume",
    "deadletter_list",
    "deadletter_replay",
    "deadletter_show",
    "demo",
    "export",
    "leakage",
    "migrate",
    "payouts_list",
    "payouts_run",
    "price",
    "project",
    "publish",
    "rebuild",
    "rerate",
    "schemas",
    "session",
    "settle",
    "tariff_lint",
    "tariff_list",
    "tariff_orders",
    "up",
    "verify",
]
