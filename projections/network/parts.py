"""What the projection `network` is put together of, in the order in which the parts are handed a set of events."""

from projections.network.batch import Part
from projections.network.cash_causes import CashCausesPart
from projections.network.costs import Costs
from projections.network.declared_cash import DeclaredCashPart
from projections.network.evses import Evses
from projections.network.session_cash import SessionCashPart
from projections.network.session_gaps import SessionGaps
from projections.network.session_uses import SessionUses
from projections.network.site_import import SiteImport
from projections.network.site_limits import SiteLimits
from projections.network.site_load import SiteLoad
from projections.network.sites import Sites
from projections.network.use_days import UseDays

# Sites say what connectors can give, and session uses are judged by it; all behind them may use `Batch.changes`.
PARTS: tuple[Part, ...] = (
    Sites(),
    SessionUses(),
    SiteLoad(),
    SiteImport(),
    Evses(),
    SessionGaps(),
    UseDays(),
    Costs(),
    CashCausesPart(),
    SessionCashPart(),
    DeclaredCashPart(),
    SiteLimits(),
)
