output "GCP_WORKLOAD_IDENTITY_PROVIDER" {
  description = "Where the pipeline logs in."
  value       = google_iam_workload_identity_pool_provider.pipeline.name
}

output "GCP_DEPLOY_ACCOUNT" {
  description = "Account that the pipeline deploys as."
  value       = google_service_account.deploy.email
}

output "GCP_TERRAFORM_ACCOUNT" {
  description = "Account that the pipeline applies Terraform as."
  value       = google_service_account.terraform.email
}

output "registry" {
  description = "Where images are pushed to."
  value       = module.registry.address
}
