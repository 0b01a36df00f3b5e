resource "aws_security_group" "this" {
  name        = "${var.name}-cache"
  description = "Cache of ${var.name}"
  vpc_id      = var.vpc_id

  tags = { Name = "${var.name}-cache" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  security_group_id            = aws_security_group.this.id
  description                  = "The service"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = var.client_security_group_id
}

resource "aws_vpc_security_group_egress_rule" "clients" {
  security_group_id            = var.client_security_group_id
  description                  = "The cache"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
  referenced_security_group_id = aws_security_group.this.id
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_elasticache_replication_group" "this" {
  # checkov:skip=CKV_AWS_31: a token would lie in the state; the security group lets the service alone connect, over TLS
  # checkov:skip=CKV_AWS_191: AWS's own key encrypts counters that live for a minute
  # checkov:skip=CKV2_AWS_50: the standby is a choice of the environment
  replication_group_id       = var.name
  description                = "Counters that the instances of ${var.name} share"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.node_type
  num_cache_clusters         = var.standby ? 2 : 1
  automatic_failover_enabled = var.standby
  multi_az_enabled           = var.standby
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  at_rest_encryption_enabled = true
  transit_encryption_enabled = true
  auto_minor_version_upgrade = true
  maintenance_window         = "sun:04:00-sun:05:00"
}

resource "aws_cloudwatch_metric_alarm" "memory" {
  alarm_name          = "${var.name}-cache-memory"
  alarm_description   = "The cache is nearly full and starts to forget counters."
  namespace           = "AWS/ElastiCache"
  metric_name         = "DatabaseMemoryUsagePercentage"
  dimensions          = { CacheClusterId = "${var.name}-001" }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  comparison_operator = "GreaterThanThreshold"
  threshold           = 85
  alarm_actions       = [var.topic_arn]
  ok_actions          = [var.topic_arn]
}
