output "notification_channel" {
  description = "Channel that alerts are sent to."
  value       = google_monitoring_notification_channel.email.id
}
