output "url_secret_id" {
  description = "The secret with REDIS_URL."
  value       = azurerm_key_vault_secret.url.versionless_id
}
