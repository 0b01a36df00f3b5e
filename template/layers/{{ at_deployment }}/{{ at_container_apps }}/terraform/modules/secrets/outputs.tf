output "vault_id" {
  description = "The vault, for modules that keep a secret of their own in it."
  value       = azurerm_key_vault.this.id
}

output "vault_uri" {
  description = "Address of the vault, with a slash at its end."
  value       = azurerm_key_vault.this.vault_uri
}

output "metrics_token_id" {
  description = "The secret with METRICS_TOKEN."
  value       = azurerm_key_vault_secret.metrics_token.versionless_id
}
