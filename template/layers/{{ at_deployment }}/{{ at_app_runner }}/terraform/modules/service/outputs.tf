output "url" {
  description = "Public address of the service."
  value       = "https://${aws_apprunner_service.this.service_url}"
}

output "secret_name" {
  description = "Secret with the service's own secrets."
  value       = aws_secretsmanager_secret.this.name
}
