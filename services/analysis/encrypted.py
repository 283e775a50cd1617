"""The columns of the analysis service that hold secrets."""

from services.analysis.sources.sealing import renewed
from shared.crypto import EncryptedColumn

COLUMNS = (EncryptedColumn("sources", "sealed", renewed),)
