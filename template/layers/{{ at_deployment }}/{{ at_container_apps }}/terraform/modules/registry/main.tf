# Images of every environment: what staging ran is what production gets.
resource "azurerm_container_registry" "this" {
  # checkov:skip=CKV_AZURE_139:The pipeline's machines push from outside of any network of ours; every access needs an identity
  # checkov:skip=CKV_AZURE_163:Azure's scan is part of Microsoft Defender, which is set for a whole subscription
  # checkov:skip=CKV_AZURE_164:Content trust is being retired by Azure; deploys name the image's digest
  # checkov:skip=CKV_AZURE_165:Replication needs the Premium tier; one region runs the service
  # checkov:skip=CKV_AZURE_166:Quarantine needs the Premium tier; the pipeline scans before it pushes
  # checkov:skip=CKV_AZURE_167:Retention needs the Premium tier, and old images are what a rollback needs
  # checkov:skip=CKV_AZURE_233:Zone redundancy comes with the tier in regions that have it
  # checkov:skip=CKV_AZURE_237:Dedicated data endpoints need the Premium tier
  name                   = var.name
  resource_group_name    = var.resource_group
  location               = var.location
  sku                    = "Standard"
  admin_enabled          = false
  anonymous_pull_enabled = false
  tags                   = var.tags

  lifecycle {
    prevent_destroy = true
  }
}
