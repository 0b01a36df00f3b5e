output "topic_arn" {
  description = "Topic that every alarm is sent to."
  value       = aws_sns_topic.alerts.arn
}
