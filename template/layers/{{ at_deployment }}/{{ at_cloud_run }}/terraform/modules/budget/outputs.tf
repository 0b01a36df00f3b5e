output "id" {
  description = "The budget's ID."
  value       = google_billing_budget.this.id
}
