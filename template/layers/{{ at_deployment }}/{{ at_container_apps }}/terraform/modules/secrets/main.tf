resource "azurerm_key_vault" "this" {
  # checkov:skip=CKV_AZURE_109:The pipeline's machines have no fixed address; every access needs an identity with a role
  # checkov:skip=CKV_AZURE_189:The pipeline's machines have no fixed address; every access needs an identity with a role
  # checkov:skip=CKV2_AZURE_32:The pipeline's machines are outside of any network of ours
  name                       = var.name
  resource_group_name        = var.resource_group
  location                   = var.location
  tenant_id                  = var.tenant_id
  sku_name                   = "standard"
  rbac_authorization_enabled = true
  purge_protection_enabled   = true
  soft_delete_retention_days = 90
  tags                       = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

# Made here and written into the vault alone: neither plan nor state holds it. A new version makes a new token.
ephemeral "random_password" "metrics" {
  length  = 64
  special = false
}

resource "azurerm_key_vault_secret" "metrics_token" {
  # checkov:skip=CKV_AZURE_41:Rotated by hand; an expired token would stop the service
  name             = "metrics-token"
  key_vault_id     = azurerm_key_vault.this.id
  content_type     = "Bearer token of /metrics"
  value_wo         = ephemeral.random_password.metrics.result
  value_wo_version = var.metrics_token_version
  tags             = var.tags
}
