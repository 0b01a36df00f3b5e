output "bucket" {
  description = "Bucket with the dumps."
  value       = aws_s3_bucket.this.bucket
}
