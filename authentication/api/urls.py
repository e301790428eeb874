"""Paths below /api/auth/."""

from django.urls import path

from authentication.api import (
    api_key_views,
    factor_views,
    identity_views,
    recovery_views,
    views,
)

urlpatterns = [
    path("register/", views.RegisterView.as_view(), name="auth-register"),
    path("login/", views.LoginView.as_view(), name="auth-login"),
    path("login/factor/", factor_views.SecondFactorView.as_view(), name="auth-login-factor"),
    path("login/passkey/", factor_views.PasskeySignInView.as_view(), name="auth-login-passkey"),
    path("login/passkey/options/", factor_views.PasskeySignInOptionsView.as_view()),
    path("refresh/", views.RefreshView.as_view(), name="auth-refresh"),
    path("logout/", views.LogoutView.as_view(), name="auth-logout"),
    path("me/", views.MeView.as_view(), name="auth-me"),
    path("password/", views.PasswordView.as_view(), name="auth-password"),
    path("api-keys/", api_key_views.ApiKeysView.as_view(), name="auth-api-keys"),
    path("api-keys/<str:id>/", api_key_views.ApiKeyView.as_view(), name="auth-api-key"),
    path("factors/", factor_views.FactorsView.as_view(), name="auth-factors"),
    path("factors/totp/", factor_views.AuthenticatorAppView.as_view()),
    path("factors/totp/confirm/", factor_views.ConfirmAuthenticatorAppView.as_view()),
    path("factors/recovery-codes/", factor_views.RecoveryCodesView.as_view()),
    path("factors/passkeys/", factor_views.PasskeysView.as_view()),
    path("factors/passkeys/options/", factor_views.PasskeyOptionsView.as_view()),
    path("factors/passkeys/<str:id>/", factor_views.PasskeyView.as_view()),
    path("step-up/", factor_views.StepUpView.as_view(), name="auth-step-up"),
    path("step-up/passkey/options/", factor_views.StepUpOptionsView.as_view()),
    path("password/reset/", recovery_views.ResetView.as_view(), name="auth-reset"),
    path(
        "password/reset/confirm/",
        recovery_views.ResetConfirmView.as_view(),
        name="auth-reset-confirm",
    ),
    path("email/", recovery_views.EmailView.as_view(), name="auth-email"),
    path("email/verify/", recovery_views.VerifyView.as_view(), name="auth-verify"),
    path("email/resend/", recovery_views.ResendView.as_view(), name="auth-resend"),
    path("identity/", identity_views.IdentityView.as_view(), name="auth-identity"),
    path(
        "identity/documents/",
        identity_views.IdentityDocumentsView.as_view(),
        name="auth-identity-documents",
    ),
    path("sessions/", views.SessionsView.as_view(), name="auth-sessions"),
    path("sessions/<str:id>/", views.SessionView.as_view(), name="auth-session"),
]
