"""Wiring of the accounts app."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Who may sign in, to which business, and with which rights."""

    name = "accounts"
    verbose_name = "Accounts"
