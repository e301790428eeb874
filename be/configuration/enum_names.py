"""What the sets of words in the API's schema are called, by where the words are defined."""

NAMES = {
    "OrderStatusEnum": "exchange.models.OrderStatus",
    "InstrumentStatusEnum": "exchange.models.InstrumentStatus",
    "BankTransactionStatusEnum": "banking.models.TransactionStatus",
    "BankTransactionTypeEnum": "banking.models.TransactionType",
    "BankAccountStatusEnum": "banking.models.BankAccountStatus",
    "TimeInForceEnum": "exchange.models.TimeInForce",
    "ExitTimeInForceEnum": "exchange.api.serializers.EXIT_TIMES_IN_FORCE",
    "OrderStatusFilterEnum": "exchange.api.serializers.ORDER_FILTERS",
    "ServerStatusEnum": "exchange.api.serializers.SERVER_STATUSES",
    "IdentityStatusEnum": "authentication.api.identity_serializers.IDENTITY_STATUSES",
    "IdentityDocumentKindEnum": "authentication.api.identity_serializers.DOCUMENT_KINDS",
    "CheckEnum": "exchange.api.serializers.CHECKS",
    "FreshnessEnum": "exchange.api.serializers.FRESHNESS",
    "StatementPeriodTypeEnum": "portfolio.api.statement_serializers.PERIOD_TYPES",
    "StatementTransferTypeEnum": "portfolio.api.statement_serializers.TRANSFER_TYPES",
    "StatementIncomeTypeEnum": "portfolio.api.statement_serializers.INCOME_TYPES",
    "StatementActionTypeEnum": "portfolio.api.statement_serializers.ACTION_TYPES",
}
