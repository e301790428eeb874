"""Who verifies identities: a port, and its adapters. IDENTITY_PROVIDER names the one in use."""

from authentication.rules.identity_providers.port import IdentityProvider
from authentication.rules.identity_providers.sandbox import Sandbox
from authentication.rules.identity_providers.staff import Staff

PROVIDERS: dict[str, IdentityProvider] = {"sandbox": Sandbox(), "staff": Staff()}
