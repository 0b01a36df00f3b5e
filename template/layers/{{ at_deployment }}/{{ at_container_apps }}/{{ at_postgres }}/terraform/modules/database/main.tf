resource "azurerm_private_dns_zone" "this" {
  name                = "${var.name}.private.postgres.database.azure.com"
  resource_group_name = var.resource_group
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  name                  = var.name
  resource_group_name   = var.resource_group
  private_dns_zone_name = azurerm_private_dns_zone.this.name
  virtual_network_id    = var.network_id
  tags                  = var.tags
}

# Made here, given to the server and to the vault alone: neither plan nor state holds it.
ephemeral "random_password" "this" {
  length  = 40
  special = false
}

resource "azurerm_postgresql_flexible_server" "this" {
  # checkov:skip=CKV_AZURE_136:var.geo_redundant_backup decides, because the paired region must be allowed to hold the data
  # checkov:skip=CKV2_AZURE_57:The server is inside of the network itself, through its delegated subnet
  name                              = var.name
  resource_group_name               = var.resource_group
  location                          = var.location
  version                           = "17"
  sku_name                          = var.sku
  storage_mb                        = var.storage_mb
  auto_grow_enabled                 = true
  delegated_subnet_id               = var.subnet_id
  private_dns_zone_id               = azurerm_private_dns_zone.this.id
  public_network_access_enabled     = false
  administrator_login               = "app"
  administrator_password_wo         = ephemeral.random_password.this.result
  administrator_password_wo_version = var.password_version
  backup_retention_days             = var.backup_retention_days
  geo_redundant_backup_enabled      = var.geo_redundant_backup
  tags                              = var.tags

  dynamic "high_availability" {
    for_each = var.zone_redundant ? ["ZoneRedundant"] : []

    content {
      mode = high_availability.value
    }
  }

  # Sunday night, when nobody deploys.
  maintenance_window {
    day_of_week  = 0
    start_hour   = 3
    start_minute = 0
  }

  lifecycle {
    prevent_destroy = true
    # Azure chooses the zones, and a failover swaps them.
    ignore_changes = [zone, high_availability[0].standby_availability_zone]
  }

  depends_on = [azurerm_private_dns_zone_virtual_network_link.this]
}

resource "azurerm_postgresql_flexible_server_database" "this" {
  name      = "app"
  server_id = azurerm_postgresql_flexible_server.this.id
  charset   = "UTF8"
  collation = "en_US.utf8"

  lifecycle {
    prevent_destroy = true
  }
}

resource "azurerm_key_vault_secret" "url" {
  # checkov:skip=CKV_AZURE_41:Rotated by raising the version; an expired address would stop the service
  name             = "database-url"
  key_vault_id     = var.vault_id
  content_type     = "DATABASE_URL"
  value_wo         = "postgresql://app:${ephemeral.random_password.this.result}@${azurerm_postgresql_flexible_server.this.fqdn}:5432/${azurerm_postgresql_flexible_server_database.this.name}?sslmode=require"
  value_wo_version = var.password_version
  tags             = var.tags
}
