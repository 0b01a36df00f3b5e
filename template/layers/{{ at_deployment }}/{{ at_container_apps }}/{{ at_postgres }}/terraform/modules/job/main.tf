resource "azurerm_container_app_job" "this" {
  name                         = var.name
  resource_group_name          = var.resource_group
  location                     = var.location
  container_app_environment_id = var.container_environment_id
  workload_profile_name        = "Consumption"
  replica_timeout_in_seconds   = var.timeout_seconds
  replica_retry_limit          = 0
  tags                         = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [var.identity_id]
  }

  registry {
    server   = var.registry
    identity = var.identity_id
  }

  dynamic "secret" {
    for_each = var.secrets

    content {
      name                = lower(replace(secret.key, "_", "-"))
      key_vault_secret_id = secret.value
      identity            = var.identity_id
    }
  }

  dynamic "manual_trigger_config" {
    for_each = var.schedule == null ? [1] : []

    content {
      parallelism              = 1
      replica_completion_count = 1
    }
  }

  dynamic "schedule_trigger_config" {
    for_each = var.schedule == null ? [] : [var.schedule]

    content {
      cron_expression          = schedule_trigger_config.value
      parallelism              = 1
      replica_completion_count = 1
    }
  }

  template {
    container {
      name   = var.name
      image  = var.image
      args   = var.arguments
      cpu    = 0.5
      memory = "1Gi"

      dynamic "env" {
        for_each = var.environment_variables

        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = var.secrets

        content {
          name        = env.key
          secret_name = lower(replace(env.key, "_", "-"))
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [template[0].container[0].image]
  }
}
