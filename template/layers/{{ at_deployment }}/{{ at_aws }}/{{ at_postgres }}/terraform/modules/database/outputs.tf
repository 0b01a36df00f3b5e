output "url" {
  description = "Address for the service, without the password."
  value       = "postgresql://${aws_db_instance.this.username}@${aws_db_instance.this.endpoint}/${aws_db_instance.this.db_name}?sslmode=require"
}

output "password_arn" {
  description = "Secret of RDS with the password, as its field password."
  value       = aws_db_instance.this.master_user_secret[0].secret_arn
}

output "instance_id" {
  description = "The server."
  value       = aws_db_instance.this.identifier
}
