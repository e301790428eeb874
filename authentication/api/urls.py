"""Paths below /api/auth/."""

from django.urls import path

from authentication.api import api_key_views, views

urlpatterns = [
    path("register/", views.RegisterView.as_view(), name="auth-register"),
    path("login/", views.LoginView.as_view(), name="auth-login"),
    path("refresh/", views.RefreshView.as_view(), name="auth-refresh"),
    path("logout/", views.LogoutView.as_view(), name="auth-logout"),
    path("me/", views.MeView.as_view(), name="auth-me"),
    path("password/", views.PasswordView.as_view(), name="auth-password"),
    path("api-keys/", api_key_views.ApiKeysView.as_view(), name="auth-api-keys"),
    path("api-keys/<str:id>/", api_key_views.ApiKeyView.as_view(), name="auth-api-key"),
    path("sessions/", views.SessionsView.as_view(), name="auth-sessions"),
    path("sessions/<str:id>/", views.SessionView.as_view(), name="auth-session"),
]
